"""POST /resources/list: the catalogue for agents that speak MCP (JSON-RPC 2.0)."""

import logging
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from attrs import define

from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined, Unavailable
from tillway.entrypoints.http.apis.discovery.shelf import Shelf, segment
from tillway.entrypoints.http.convert import parse, raw_body
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

_log = logging.getLogger(__name__)

PARSE_ERROR: Final = (-32700, "Parse error")
NOT_JSONRPC: Final = (-32600, "Invalid Request: jsonrpc must be '2.0'")
NO_SUCH_METHOD: Final = (-32601, "Method not found")
NO_CATALOGUE: Final = (-32603, "Internal error: failed to fetch resources")


@define
class Resources:
    """List products as MCP resources.

    Errors are JSON-RPC's, in 200; only a body that is too large is refused as everywhere.
    """

    shelf: Shelf

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200, whatever was asked."""
        try:
            asked = parse(await raw_body(request))
        except Declined as refusal:
            if refusal.code is Code.PAYLOAD_TOO_LARGE:
                raise
            return _error(None, PARSE_ERROR)
        if not isinstance(asked, dict) or asked.get("jsonrpc") != "2.0":
            return _error(_id(asked), NOT_JSONRPC)
        if asked.get("method") != "resources/list":
            return _error(_id(asked), NO_SUCH_METHOD)
        return await self._listed(request, _id(asked))

    async def _listed(self, request: web.Request, number: object) -> web.Response:
        try:
            products = await self.shelf.products(request[TENANT])
        except Unavailable as away:
            _log.warning("the catalogue cannot be read: %s", away, exc_info=away)
            return _error(number, NO_CATALOGUE, away.message)
        listed = {"resources": [_resource(product) for product in products]}
        return answer({"jsonrpc": "2.0", "id": number, "result": listed})


def _id(asked: object) -> object:
    """Give the request's id to echo: text, a number or null, as JSON-RPC allows."""
    number = asked.get("id") if isinstance(asked, dict) else None
    plain = isinstance(number, str | int | float) and not isinstance(number, bool)
    return number if plain else None


def _error(number: object, what: tuple[int, str], data: str | None = None) -> web.Response:
    code, message = what
    error: Mapping[str, object] = {"code": code, "message": message}
    if data is not None:
        error = {**error, "data": data}
    return answer({"jsonrpc": "2.0", "id": number, "error": error})


def _resource(product: Product) -> dict[str, object]:
    body: dict[str, object] = {
        "uri": f"cedros-pay://paywall/{segment(product)}",
        "name": product.description or product.id,
        "mimeType": "application/json",
    }
    return {**body, "description": product.description} if product.description else body

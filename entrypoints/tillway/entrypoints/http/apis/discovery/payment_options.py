"""GET /.well-known/payment-options: what is sold here, and how it is paid (RFC 8615)."""

from collections.abc import Mapping, Sequence

from aiohttp import web
from attrs import define

from tillway.core.catalog import Product
from tillway.entrypoints.http.apis.discovery.shelf import X402, Shelf, priced, segment
from tillway.entrypoints.http.config import CONFIG
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT, mount

WIRE_NAMES = {X402: "x402-solana-spl-transfer"}
"""What this document calls a rail's method where it does not use the method's own name."""


@define
class PaymentOptions:
    """List the products with the paths that sell them."""

    shelf: Shelf

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200. Products without a price of a kind have no such key."""
        products = await self.shelf.products(request[TENANT])
        root = f"{mount(request)}{request.app[CONFIG].route_prefix}/paywall/"
        body = {
            "version": "1.0",
            "server": "cedros-pay",
            "resources": [_resource(product, root) for product in products],
            "payment": _payment(self.shelf.methods(), await self.shelf.facts()),
        }
        return answer(body)


def _resource(product: Product, root: str) -> dict[str, object]:
    body: dict[str, object] = {
        "id": product.id,
        "name": product.description,
        "description": product.description,
        "endpoint": root + segment(product),
        "price": priced(product),
    }
    return {**body, "metadata": dict(product.metadata)} if product.metadata else body


def _payment(methods: Sequence[str], facts: Mapping[str, str]) -> dict[str, object]:
    body: dict[str, object] = {"methods": [WIRE_NAMES.get(method, method) for method in methods]}
    if X402 in methods:
        names = ("network", "paymentAddress", "tokenMint")
        body["x402"] = {name: facts.get(name, "") for name in names}
    return body

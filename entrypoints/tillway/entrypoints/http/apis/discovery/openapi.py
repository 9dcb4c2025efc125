"""GET /openapi.json: the description of everything that this gateway serves."""

from aiohttp import web

from tillway.entrypoints.http.config import CONFIG, SERVED
from tillway.entrypoints.http.openapi import document
from tillway.entrypoints.http.render import JSON, encode
from tillway.entrypoints.http.request import mount


async def openapi(request: web.Request) -> web.StreamResponse:
    """Answer 200. The document is made once."""
    served = request.app[SERVED]
    if served.document is None:
        version = request.app[CONFIG].version
        served.document = encode(document(served.routes, version=version, server=mount(request)))
    return web.Response(body=served.document, content_type=JSON)

"""Headers that keep browsers from guessing and framing."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

SERVER: Final = "tillway"
"""Names the product and neither its version nor what it is made of."""


def security(tls: bool) -> Middleware:
    """Put them on every answer; HSTS only when this process ends TLS itself."""
    headers = fixed(tls)

    @web.middleware
    async def security_(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers.update(headers)
        return response

    return security_


def fixed(tls: bool) -> dict[str, str]:
    """Give these headers."""
    headers: dict[str, str] = {
        istr("X-Content-Type-Options"): "nosniff",
        istr("X-Frame-Options"): "DENY",
        istr("X-XSS-Protection"): "1; mode=block",
        istr("Referrer-Policy"): "strict-origin-when-cross-origin",
        istr("Server"): SERVER,
    }
    if tls:
        headers[istr("Strict-Transport-Security")] = "max-age=31536000; includeSubDomains"
    return headers

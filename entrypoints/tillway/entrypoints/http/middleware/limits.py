"""How large a request may be."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tillway.core.errors import Code, Declined
from tillway.entrypoints.http.render import refuse


def limits(body_bytes: int) -> Middleware:
    """Refuse a body that says it is too large before a byte of it is read.

    One that does not say is counted while it is read (`convert.raw_body`).
    """

    @web.middleware
    async def limits_(request: web.Request, handler: Handler) -> web.StreamResponse:
        length = request.content_length
        if length is not None and length > body_bytes:
            return refuse(Declined(Code.PAYLOAD_TOO_LARGE))
        return await handler(request)

    return limits_

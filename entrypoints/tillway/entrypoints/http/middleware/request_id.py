"""Every request has an id, which its answer and its log lines carry."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from tillway.core.ids import RandomBytes, new_request_id
from tillway.entrypoints.http.request import REQUEST_ID

HEADER: Final = istr("X-Request-ID")
LONGEST: Final = 128
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-")


def request_id(random: RandomBytes) -> Middleware:
    """Echo the client's id if it is harmless in logs and headers, else make one."""

    @web.middleware
    async def request_id_(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(HEADER)
        found = given if given and _harmless(given) else new_request_id(random)
        request[REQUEST_ID] = found
        response = await handler(request)
        response.headers[HEADER] = found
        return response

    return request_id_


def _harmless(text: str) -> bool:
    return len(text) <= LONGEST and _SAFE.issuperset(text)

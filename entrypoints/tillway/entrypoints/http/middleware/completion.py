"""One line for each request that has been answered."""

import logging
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Handler

from tillway.entrypoints.http.log import LINE
from tillway.entrypoints.http.request import CLIENT, REQUEST_ID, ROUTE

_log = logging.getLogger(__name__)


@web.middleware
async def completion(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log method, route, status, time and size: the route's template, never what was in it."""
    if not _log.isEnabledFor(logging.INFO):
        return await handler(request)
    began = perf_counter()
    response = await handler(request)
    route = request.get(ROUTE)
    said = (
        request.method if route is not None else "?",
        route.path if route is not None else "none",
        response.status,
        (perf_counter() - began) * 1000,
        _size(response),
        request[REQUEST_ID],
        request[CLIENT],
    )
    # made by hand, since `info` would walk the stack to find this very line
    _log.handle(_log.makeRecord(_log.name, logging.INFO, __file__, 0, LINE, said, None))
    return response


def _size(response: web.StreamResponse) -> int:
    body = getattr(response, "body", None)
    return len(body) if isinstance(body, bytes) else 0

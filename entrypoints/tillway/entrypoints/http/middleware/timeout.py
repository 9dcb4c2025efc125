"""How long an answer may take, by the pace of its route."""

import asyncio
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tillway.core.errors import Code, Unavailable
from tillway.entrypoints.http.render import refuse
from tillway.entrypoints.http.request import ROUTE
from tillway.plugins.api import Pace


def timeout(seconds: Mapping[Pace, float]) -> Middleware:
    """Answer 504 when the handler's time is up.

    The handler is cancelled; work that must go on (a settlement) runs in a task of its own, for
    which the handler only waits.
    """

    @web.middleware
    async def timeout_(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = request.get(ROUTE)
        if route is None:
            return await handler(request)
        try:
            async with asyncio.timeout(seconds[route.pace]):
                return await handler(request)
        except TimeoutError:
            return refuse(Unavailable(Code.TIMEOUT))

    return timeout_

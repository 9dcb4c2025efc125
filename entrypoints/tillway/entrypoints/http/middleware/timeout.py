"""How long an answer may take, by the pace of its route."""

from asyncio import CancelledError
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tillway.core.errors import Code, Unavailable
from tillway.entrypoints.http.deadlines import Deadlines
from tillway.entrypoints.http.render import refuse
from tillway.entrypoints.http.request import ROUTE
from tillway.plugins.api import Pace


def timeout(seconds: Mapping[Pace, float]) -> Middleware:
    """Answer 504 when the handler's time is up.

    The handler is cancelled; work that must go on (a settlement) runs in a task of its own, for
    which the handler only waits.
    """
    deadlines = {pace: Deadlines(seconds=limit) for pace, limit in seconds.items()}

    @web.middleware
    async def timeout_(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = request.get(ROUTE)
        if route is None:
            return await handler(request)
        limit = deadlines[route.pace]
        task = limit.begin()
        try:
            return await handler(request)
        except CancelledError:
            if limit.expired(task):
                return refuse(Unavailable(Code.TIMEOUT))
            raise
        finally:
            limit.end(task)

    return timeout_

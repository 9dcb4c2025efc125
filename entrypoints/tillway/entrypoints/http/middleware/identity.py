"""What a request is for, for whom, and who sends it."""

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.http.request import PRINCIPAL, ROUTE, TENANT
from tillway.plugins.api import Route


def identity(routes: Mapping[web.AbstractRoute, Route]) -> Middleware:
    """Note the route, the tenant, of which there is one, and that nobody proved who he is."""

    @web.middleware
    async def identity_(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = routes.get(request.match_info.route)
        if route is not None:
            request[ROUTE] = route
        request[TENANT] = DEFAULT
        request[PRINCIPAL] = None
        return await handler(request)

    return identity_

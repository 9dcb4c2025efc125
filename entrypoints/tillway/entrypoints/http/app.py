"""The aiohttp application: routes, middlewares, limits, and what lives as long as it does."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Final

from aiohttp import web

from tillway.core.ids import RandomBytes
from tillway.entrypoints.http.config import CONFIG, DRAIN, SERVED, Drain, HttpConfig, Served
from tillway.entrypoints.http.middleware.cors import open_preflight
from tillway.entrypoints.http.middleware.stack import stack
from tillway.plugins.api import Handler, Route

Lifetime = Callable[[web.Application], AsyncIterator[None]]
"""Opens before the one yield, closes after it."""

_TO_EVERYBODY: Final = {"Access-Control-Allow-Origin": "*"}

HEADER_BYTES: Final = 64 * 1024
"""The longest header field. An x402 proof may have 16 KiB and is refused by its face above that,
with an error that says so; aiohttp's own limit is 8 KiB and closes the connection."""


def build_application(
    routes: Sequence[Route],
    *,
    config: HttpConfig,
    random: RandomBytes = secrets.token_bytes,
    lifetimes: Sequence[Lifetime] = (),
) -> web.Application:
    """Make the application that serves these routes; also to be mounted under a path of another.

    ``lifetimes`` open in their order at start-up and close in reverse. Raises ValueError if two
    routes share a name, or method and path.
    """
    served = Served(tuple(placed(routes, config.route_prefix)))
    _refuse_twins(served)
    table: dict[web.AbstractRoute, Route] = {}
    app = web.Application(
        middlewares=stack(config, random, table), client_max_size=config.body_bytes
    )
    app[CONFIG], app[SERVED], app[DRAIN] = config, served, Drain()
    for path, route in served.routes:
        table[app.router.add_route(route.method, _matched(path, route), _handler(route))] = route
    _add_preflights(app, served)
    app.cleanup_ctx.extend(lifetimes)
    return app


def _matched(path: str, route: Route) -> str:
    """Give the path with what its variables have to look like, where that is said.

    So a route beside it (`refunds/approve`) is no value of the variable (`refunds/{refundId}`).
    """
    for parameter in route.parameters:
        pattern = parameter.schema.get("pattern")
        if parameter.where == "path" and isinstance(pattern, str):
            bare = pattern.removeprefix("^").removesuffix("$")
            path = path.replace(f"{{{parameter.name}}}", f"{{{parameter.name}:{bare}}}")
    return path


def placed(routes: Iterable[Route], prefix: str) -> Iterable[tuple[str, Route]]:
    """Give each route with the paths at which it is found, those under the prefix first."""
    for route in routes:
        if prefix and (route.prefix or route.both):
            yield prefix + route.path, route
        if route.both or not route.prefix or not prefix:
            yield route.path, route


def server_options() -> dict[str, Any]:
    """Give the arguments that `web.AppRunner` needs to serve an application of ours.

    Header fields may have 64 KiB, request lines 16 KiB. There is no access log, which costs more
    than most handlers: the completion log is ours. A client that leaves cancels nothing. What a
    client still sends after its answer is read for 2 s before its connection is closed.
    """
    return {
        "access_log": None,
        "max_field_size": HEADER_BYTES,
        "max_line_size": 16 * 1024,
        "handler_cancellation": False,
        "lingering_time": 2.0,
        "keepalive_timeout": 75.0,
    }


def _handler(route: Route) -> Handler:
    headers = {**route.headers, **(_TO_EVERYBODY if route.open else {})}
    if not headers:
        return route.handler

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await route.handler(request)
        response.headers.update(headers)
        return response

    return handle


def _add_preflights(app: web.Application, served: Served) -> None:
    paths = dict.fromkeys(path for path, route in served.routes if route.open)
    for path in paths:
        app.router.add_route("OPTIONS", path, open_preflight)


def _refuse_twins(served: Served) -> None:
    names: dict[str, Route] = {}
    places: set[tuple[str, str]] = set()
    for path, route in served.routes:
        if names.setdefault(route.name, route) is not route:
            raise ValueError(f"two routes are named {route.name!r}")
        if (route.method, path) in places:
            raise ValueError(f"two routes answer {route.method} {path}")
        places.add((route.method, path))

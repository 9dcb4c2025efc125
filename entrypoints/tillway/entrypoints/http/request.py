"""What the shell knows of a request, under typed keys, before a handler sees it."""

from typing import Final, NewType

from aiohttp import web

from tillway.core.tenancy import Tenant
from tillway.entrypoints.http.addresses import Place
from tillway.entrypoints.http.config import CONFIG
from tillway.plugins.api import Route

Principal = NewType("Principal", str)
"""Who asks, as some authenticator has proven it."""

REQUEST_ID: Final = web.RequestKey("request_id", str)
CLIENT: Final = web.RequestKey("client", str)
"""The client's network address: of the connection, or what a trusted proxy says of it."""
TRUSTED: Final = web.RequestKey("trusted", bool)
"""Whether a trusted proxy speaks for the client, whose X-Forwarded-* headers count then."""
VERSION: Final = web.RequestKey("version", str)
"""The version of the API that was asked for: `v1` or `v2`."""
TENANT: Final = web.RequestKey("tenant", Tenant)
PRINCIPAL: Final = web.RequestKey[Principal | None]("principal")
ROUTE: Final = web.RequestKey("route", Route)
"""The route that answers. Absent where nothing is served."""
BODY: Final = web.RequestKey("body", bytes)
"""The raw body, once it has been read; absent where there is none."""


def place(request: web.Request) -> Place:
    """Tell at which of our addresses something was asked, and whether that is certain."""
    config = request.app[CONFIG]
    return config.addresses.at(
        request.scheme, request.host, request.headers, trusted=request[TRUSTED]
    )


def origin(request: web.Request) -> str:
    """Give the scheme and host that every address in an answer begins with."""
    return place(request).origin


def url(request: web.Request) -> str:
    """Give the absolute address of what was asked for, without the query."""
    return place(request).url(request.rel_url.raw_path)


def mount(request: web.Request) -> str:
    """Give the path under which a host has mounted us, empty where we are the root.

    For handlers of routes that stand under no prefix.
    """
    return request.rel_url.raw_path.removesuffix(request[ROUTE].path)

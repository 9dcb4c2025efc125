"""What the shell knows of a request, under typed keys, before a handler sees it."""

import re
from collections.abc import Mapping
from typing import Final, NewType

from aiohttp import web

from tillway.core.tenancy import Tenant
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

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def origin(request: web.Request) -> str:
    """Give scheme and host as the client asked for them: `https://pay.example.com`.

    A trusted proxy's X-Forwarded-Proto and X-Forwarded-Host count, nobody else's. A host that
    cannot be one is `localhost`, so that no answer carries a stranger's text.
    """
    return origin_of(request.scheme, request.host, request.headers, trusted=request[TRUSTED])


def origin_of(scheme: str, host: str, headers: Mapping[str, str], *, trusted: bool) -> str:
    """Give it for what a connection shows; ``trusted`` tells that a trusted proxy sent this."""
    if trusted:
        scheme = _first(headers, "X-Forwarded-Proto") or scheme
        host = _first(headers, "X-Forwarded-Host") or host
    return f"{'https' if scheme == 'https' else 'http'}://{_host(host)}"


def url(request: web.Request) -> str:
    """Give the absolute address of what was asked for, without the query."""
    return origin(request) + request.rel_url.raw_path


def mount(request: web.Request) -> str:
    """Give the path under which a host has mounted us, empty where we are the root.

    For handlers of routes that stand under no prefix.
    """
    return request.rel_url.raw_path.removesuffix(request[ROUTE].path)


def _first(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").partition(",")[0].strip()


def _host(text: str) -> str:
    return text if _HOST.fullmatch(text) else "localhost"

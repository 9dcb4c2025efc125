"""Who may call from a browser (the fetch standard's CORS protocol)."""

from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from tillway.entrypoints.http.middleware.security import fixed
from tillway.entrypoints.http.middleware.vary import vary

ORIGIN: Final = istr("Origin")
ALLOW_ORIGIN: Final = istr("Access-Control-Allow-Origin")
EXPOSE: Final = istr("Access-Control-Expose-Headers")
METHODS: Final = "GET, POST, DELETE, OPTIONS"
SECONDS: Final = "300"
EXPOSED: Final = ", ".join(
    (
        "Location",
        "PAYMENT-REQUIRED",
        "PAYMENT-RESPONSE",
        "X-PAYMENT-RESPONSE",
        "X-Idempotency-Replay",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "X-Request-ID",
        "X-API-Version",
        "Retry-After",
    )
)
ALLOWED: Final = (
    "Accept",
    "Content-Type",
    "Authorization",
    "PAYMENT-SIGNATURE",
    "X-PAYMENT",
    "SIGN-IN-WITH-X",
    "Access-Control-Expose-Headers",
    "Idempotency-Key",
    "X-API-Key",
    "X-API-Version",
    "X-Message",
    "X-Request-ID",
    "X-Signature",
    "X-Signer",
    "X-Stripe-Session",
    "X-Tenant-ID",
    "X-Wallet",
)
"""Listed whatever is asked for. The official x402 clients send Access-Control-Expose-Headers as
a request header on their paid retry, so it has to be here."""

_KNOWN: Final = frozenset(name.lower() for name in ALLOWED)
_TOKEN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")
_LABELS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_LONGEST_ASKED: Final = 4096


def cors(origins: Sequence[str]) -> Middleware | None:
    """Let pages of these origins read answers; `*` is every page. None without any.

    No credentials: nothing here trusts a cookie.
    """
    if not origins:
        return None
    allow = _everybody if "*" in origins else _some(origins)

    @web.middleware
    async def cors_(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = is_preflight(request)
        response = preflight(request) if asked else await handler(request)
        allowed = allow(request.headers.get(ORIGIN))
        if allowed != "*":
            vary(response.headers, "Origin")
        if allowed is not None:
            response.headers.setdefault(ALLOW_ORIGIN, allowed)
            response.headers.setdefault(EXPOSE, EXPOSED)
        return response

    return cors_


def is_preflight(request: web.Request) -> bool:
    """Tell whether a browser asks if it may ask, where no route answers that by itself."""
    return (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and request.match_info.http_exception is not None
    )


def preflight(request: web.Request) -> web.Response:
    """Say what may be sent: our methods, our headers, and whatever else was asked for."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    response = web.Response(status=204, headers=fixed(tls=False))
    response.headers["Access-Control-Allow-Methods"] = METHODS
    response.headers["Access-Control-Allow-Headers"] = ", ".join((*ALLOWED, *_further(asked)))
    response.headers["Access-Control-Max-Age"] = SECONDS
    vary(response.headers, "Access-Control-Request-Headers")
    return response


async def open_preflight(request: web.Request) -> web.StreamResponse:
    """Answer a preflight for a route that every page may call."""
    response = preflight(request)
    response.headers[ALLOW_ORIGIN] = "*"
    return response


def _further(asked: str) -> list[str]:
    names = [name.strip().lower() for name in asked[:_LONGEST_ASKED].split(",")]
    return [name for name in names if name and name not in _KNOWN and _TOKEN.issuperset(name)]


def _everybody(_: str | None) -> str | None:
    return "*"


def _some(origins: Sequence[str]) -> Callable[[str | None], str | None]:
    exact = frozenset(origins)
    families = [tuple(origin.split("*")) for origin in origins if "*" in origin]

    def allow(origin: str | None) -> str | None:
        if origin in exact:
            return origin
        known = origin is not None and any(_of_family(origin, *family) for family in families)
        return origin if known else None

    return allow


def _of_family(origin: str, start: str, end: str) -> bool:
    """Tell whether an origin is `https://*.example.com` with one or more labels for the star."""
    labels = origin[len(start) : len(origin) - len(end)]
    return origin == f"{start}{labels}{end}" and bool(labels) and _LABELS.issuperset(labels.lower())

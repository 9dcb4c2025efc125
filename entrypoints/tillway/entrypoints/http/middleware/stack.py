"""The order in which middlewares stand.

Each one either answers or hands on; none raises, so that the headers of those outside of it are
on every answer. API keys, rate limits and idempotency have their places here too: before the
time-out, and inside it.
"""

from collections.abc import Mapping, Sequence

from aiohttp.typedefs import Middleware
from aiohttp.web import AbstractRoute

from tillway.core.ids import RandomBytes
from tillway.entrypoints.http.config import HttpConfig
from tillway.entrypoints.http.middleware.client import client
from tillway.entrypoints.http.middleware.completion import completion
from tillway.entrypoints.http.middleware.cors import cors
from tillway.entrypoints.http.middleware.errors import errors
from tillway.entrypoints.http.middleware.identity import identity
from tillway.entrypoints.http.middleware.limits import limits
from tillway.entrypoints.http.middleware.recover import recover
from tillway.entrypoints.http.middleware.request_id import request_id
from tillway.entrypoints.http.middleware.security import security
from tillway.entrypoints.http.middleware.timeout import timeout
from tillway.entrypoints.http.middleware.version import version
from tillway.plugins.api import Pace, Route


def stack(
    config: HttpConfig, random: RandomBytes, routes: Mapping[AbstractRoute, Route]
) -> Sequence[Middleware]:
    """Give the middlewares, outermost first. ``routes`` may still grow."""
    paces = {Pace.LIGHT: config.light_seconds, Pace.PAYMENT: config.payment_seconds}
    every = (
        recover,
        request_id(random),
        client(config.trusted_proxies),
        completion,
        cors(config.origins),
        security(config.tls),
        version,
        identity(routes),
        limits(config.body_bytes),
        timeout(paces),
        errors,
    )
    return [middleware for middleware in every if middleware is not None]

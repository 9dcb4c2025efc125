"""GET /metrics: for whoever collects them, with the operator's key."""

import asyncio
from typing import Final

from aiohttp import web
from attrs import define, field

from tillway.core.errors import Code, Declined
from tillway.core.ports.exposition import Exposes, Exposition
from tillway.entrypoints.http.config import CONFIG, HttpConfig
from tillway.entrypoints.http.fresh import Fresh
from tillway.entrypoints.http.proofs import bearer
from tillway.entrypoints.http.render import answer, envelope

DENIED: Final = "Invalid or missing admin API key"


@define(eq=False)
class Metrics:
    """Expose what an observer has seen, written in a thread and kept for a second."""

    source: Exposes
    _written: Fresh[Exposition] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare to remember."""
        self._written = Fresh(self._write)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with all metrics, or 401."""
        if not admitted(request.headers.get("Authorization", ""), request.app[CONFIG]):
            return _denied()
        written = await self._written.get()
        headers = {"Content-Type": written.content_type, "Cache-Control": "no-store"}
        return web.Response(body=written.body, headers=headers)

    async def _write(self) -> Exposition:
        return await asyncio.to_thread(self.source.expose)


def admitted(authorization: str, config: HttpConfig) -> bool:
    """Tell whether the header opens the metrics: `Bearer <key>`, compared in constant time.

    Where no key is set, everybody is admitted, except in production, where nobody is.
    """
    if not config.metrics_key:
        return not config.production
    return config.metrics_key.matches(bearer(authorization))


def _denied() -> web.Response:
    """Answer as the Cedros contract has it: 401, under a code that is 400 everywhere else."""
    body = envelope(Declined(Code.INVALID_FIELD, DENIED))
    return answer(body, 401, {"WWW-Authenticate": "Bearer"})

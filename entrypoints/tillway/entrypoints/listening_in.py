"""Listen to a provider's webhooks on a port of this machine, for people who look on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import aiohttp
from aiohttp import web
from attrs import define, field, frozen

from tillway.core.errors import Declined
from tillway.core.ports.hosting import (
    DisputeTold,
    HearsWebhooks,
    InvoiceTold,
    News,
    PayBackTold,
    SessionTold,
    SubscriptionTold,
)
from tillway.entrypoints.http.render import answer, refuse

MOST_BODY: Final = 1024 * 1024
FORWARDED: Final = ("Stripe-Signature", "Content-Type")
"""The headers that go on with an event."""

PATIENCE: Final = aiohttp.ClientTimeout(total=30)


@frozen(kw_only=True)
class Heard:
    """A verified event. ``forwarded`` is the status with which it was taken elsewhere."""

    id: str
    type: str
    at: datetime
    test: bool
    meaning: str
    body: bytes = field(repr=False)
    forwarded: str | None = None


@define(kw_only=True)
class Listener:
    """Verify what comes, tell it, and hand it on to a gateway if one is named."""

    hears: HearsWebhooks
    tell: Callable[[Heard], None]
    refused: Callable[[str], None]
    forward: str | None = None
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def take(self, request: web.Request) -> web.Response:
        """Answer 200 for an authentic event, and 400 for any other."""
        body = await request.read()
        try:
            told = self.hears.verify(request.headers, body)
        except Declined as refusal:
            self.refused(refusal.message)
            return refuse(refusal)
        heard = Heard(
            id=told.id,
            type=told.type,
            at=told.at,
            test=told.test,
            meaning=self._meaning(body),
            body=body,
            forwarded=await self._forwarded(request.headers, body),
        )
        self.tell(heard)
        return answer({"received": True, "type": told.type})

    def _meaning(self, body: bytes) -> str:
        try:
            return words_of(self.hears.translate(body))
        except Declined as unreadable:
            return f"cannot be read: {unreadable.message}"

    async def _forwarded(self, headers: Mapping[str, str], body: bytes) -> str | None:
        if self.forward is None or self._session is None:
            return None
        kept = {name: headers[name] for name in FORWARDED if name in headers}
        try:
            async with self._session.post(self.forward, data=body, headers=kept) as taken:
                return str(taken.status)
        except (aiohttp.ClientError, TimeoutError) as away:
            return f"nobody there ({type(away).__name__})"

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[int]:
        """Listen on a port of this machine, any path; 0 chooses one. Gives the port."""
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_post("/{path:.*}", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            async with aiohttp.ClientSession(timeout=PATIENCE) as self._session:
                await web.TCPSite(runner, "127.0.0.1", port).start()
                yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()


async def listen(listener: Listener, port: int, begun: Callable[[int], None]) -> None:
    """Listen until cancelled."""
    async with listener.serve(port) as bound:
        begun(bound)
        await asyncio.Event().wait()


def words_of(news: News) -> str:
    """Say in a few words what news mean; empty for those that change nothing."""
    match news:
        case SessionTold(session=session, failed=failed):
            how = "failed" if failed else ("paid" if session.paid else session.status.value)
            return f"session {session.id} {how}, {session.amount}"
        case SubscriptionTold(subscription=told):
            return f"subscription {told.id} {told.state.value} until {told.period_end:%Y-%m-%d}"
        case InvoiceTold():
            how = "paid" if news.paid else "not paid"
            return f"invoice {news.id} of {news.subscription} {how}, {news.amount}"
        case PayBackTold():
            return f"{news.total} of {news.payment} went back"
        case DisputeTold():
            return f"dispute {news.id} {news.state.value}: {news.amount} of {news.payment}"
    return ""

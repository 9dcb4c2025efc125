"""Serving an account: the API, the pages, and the work that goes on beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web
from attrs import frozen

from tillway.entrypoints.sandbox.binding import bound_to
from tillway.entrypoints.sandbox.stripe import (
    bills,
    customers,
    disputes,
    intents,
    plans,
    portal,
    products,
    reads,
    reductions,
    refunds,
    sessions,
)
from tillway.entrypoints.sandbox.stripe.account import SECRET_KEY, Account
from tillway.entrypoints.sandbox.stripe.checkout import Checkout
from tillway.entrypoints.sandbox.stripe.control import Control
from tillway.entrypoints.sandbox.stripe.face import Face
from tillway.entrypoints.sandbox.stripe.faults import Faults
from tillway.entrypoints.sandbox.stripe.switches import Switches
from tillway.entrypoints.sandbox.stripe.timing import catch_up
from tillway.entrypoints.sandbox.stripe.webhooks import Endpoint, Outbox
from tillway.entrypoints.sandbox.stripe.wire import MAX_BODY

ROUTES: Final = (
    *customers.ROUTES,
    *products.ROUTES,
    *reductions.ROUTES,
    *sessions.ROUTES,
    *intents.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *plans.ROUTES,
    *bills.ROUTES,
    *portal.ROUTES,
    *reads.ROUTES,
)
_BACKLOG: Final = 1024
_PAUSE: Final = 0.5  # seconds between two looks at the clock

_log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


@frozen(kw_only=True)
class Served:
    """Where an account answers, and what it is made of."""

    url: str
    account: Account
    face: Face
    outbox: Outbox
    switches: Switches
    secret_key: str = SECRET_KEY

    @property
    def faults(self) -> Faults:
        """What the API does wrong."""
        return self.face.faults

    def listen(self, url: str, secret: str, *events: str, version: str = "") -> None:
        """Tell an endpoint of events from now on: of all, or of the types that are named."""
        wanted = events or ("*",)
        self.outbox.listen(Endpoint(url=url, secret=secret, events=wanted, version=version))

    async def delivered(self) -> None:
        """Wait until every endpoint has been told of everything."""
        await self.outbox.delivered()


def stripe_app(face: Face, switches: Switches) -> web.Application:
    """Give the API, the pages and the switches as one application."""
    app = web.Application(client_max_size=MAX_BODY)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, face.handler(route))
    app.add_routes(Checkout(face.account).routes())
    app.add_routes(portal.Portal(face.account).routes())
    app.add_routes(Control(switches, face.faults).routes())
    app.router.add_route("*", "/{path:.*}", face.unknown)
    return app


@asynccontextmanager
async def serve_stripe(
    account: Account | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    endpoints: Sequence[Endpoint] = (),
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Served]:
    """Serve an account; port 0 picks a free one. ``sleep`` waits by the account's clock.

    Raises OSError when the port is taken.
    """
    account = account or Account()
    face = Face(account)
    outbox = Outbox(account, endpoints=list(endpoints))
    bound = bound_to(host, port)
    account.move(f"http://{host}:{bound.getsockname()[1]}")
    switches = Switches(account, outbox)
    runner = web.AppRunner(stripe_app(face, switches), access_log=None, shutdown_timeout=1)
    await runner.setup()
    tasks = [asyncio.create_task(outbox.run()), asyncio.create_task(_tick(account, sleep))]
    try:
        await web.SockSite(runner, bound, backlog=_BACKLOG).start()
        yield Served(
            url=account.address, account=account, face=face, outbox=outbox, switches=switches
        )
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        account.listeners.remove(outbox.take)
        await runner.cleanup()


async def _tick(account: Account, sleep: Sleep) -> None:
    while True:
        try:
            catch_up(account)
        except Exception:
            # One object's trouble must not stop the clock for all others.
            _log.exception("something that was due could not be done")
        await sleep(_PAUSE)

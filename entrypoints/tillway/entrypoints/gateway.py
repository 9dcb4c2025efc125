"""A gateway in one process: its services, its HTTP application and its background work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, Self

from aiohttp import web
from attrs import define, field

from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.rails import Starts
from tillway.core.ports.store import Store
from tillway.core.services.catalogue.edition import LOOK
from tillway.core.services.catalogue.shop import Shop
from tillway.core.services.gateway import Services
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.paying.settle import Settle
from tillway.core.services.rails import Rails
from tillway.entrypoints.http.addresses import Addresses
from tillway.entrypoints.paywall.doors import Door
from tillway.entrypoints.settings.loading import Settings
from tillway.entrypoints.settings.sections import LoggingSettings, ServerSettings
from tillway.entrypoints.sources import Sources

_log = logging.getLogger(__name__)

DRAIN_SECONDS = 15.0
"""How long payments in flight are waited for at the end; the resolver finishes the others."""

BUDGET_SECONDS = 5.0
"""How often a process learns what the others have spent on buyers."""

KEYS_SECONDS = 30.0
"""How often a process learns which keys the others seal with."""

RESOLVE_SECONDS = 1.0
"""How often the resolver looks for payments that nobody works on."""

SEQUENCE_SECONDS = 0.5
"""How often committed facts are given their places."""


FINALITY_SECONDS = 1.0
"""How often the watch looks for payments that are due to be looked at."""

INBOX_SECONDS = 1.0
"""How often events of providers are looked for that nobody has applied."""

PAY_SECONDS = 5.0
"""How often a process asks whether approved refunds are to be paid, and its own."""

TURN_SECONDS = 10.0
"""How often a process asks whether work that one does for all is due, and its own."""


class Closes(Protocol):
    """What stops its work when the gateway closes."""

    async def aclose(self) -> None:
        """Stop. A repeat does nothing."""
        ...


@define(kw_only=True)
class Gateway:
    """What `create_app` gives: to be opened once and closed once.

    ``web`` can be run, or mounted with ``add_subapp``; the gateway then opens and closes with
    it. Otherwise call ``open`` and ``aclose``. ``workers`` are for the host to run, unless the
    gateway was made with its background work.
    """

    settings: Settings
    services: Services
    web: web.Application
    prepare: Sequence[Callable[[], Awaitable[None]]]
    refresh: Callable[[], Awaitable[None]]
    sources: Sources | None = None
    drain_seconds: float = DRAIN_SECONDS
    _door: Door = field(init=False, repr=False)
    _open: AsyncExitStack | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)
    _lock: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    @_door.default
    def _make_door(self) -> Door:
        server = self.settings.section(ServerSettings)
        logging = self.settings.section(LoggingSettings)
        return Door(
            services=self.services,
            proxies=[str(each) for each in server.trusted_proxies],
            addresses=Addresses.of(
                server.public_url, development=logging.environment == "development"
            ),
        )

    @property
    def door(self) -> Door:
        """What handlers of a host's own are paid through."""
        return self._door

    @property
    def store(self) -> Store:
        """Where payments are kept."""
        return self.services.store

    @property
    def catalogue(self) -> Catalogue:
        """What is for sale."""
        return self.services.catalogue

    @property
    def rails(self) -> Rails:
        """How money moves."""
        return self.services.rails

    @property
    def quote(self) -> Quoting:
        """Price things and offer them."""
        return self.services.quote

    @property
    def settle(self) -> Settle:
        """Take proofs."""
        return self.services.settle

    @property
    def shop(self) -> Shop:
        """Read the price list."""
        return self.services.shop

    async def open(self) -> None:
        """Open the store, agree on keys, start the rails. A repeat does nothing.

        Raises what a part raises that cannot be opened, mostly Unavailable, and leaves nothing
        open then; RuntimeError once it was closed.
        """
        async with self._lock:
            if self._open is not None:
                return
            if self._over:
                raise RuntimeError("this gateway was closed: make another one")
            self._over = True
            async with AsyncExitStack() as stack:
                await self._opened(stack)
                self._open = stack.pop_all()

    async def aclose(self) -> None:
        """Let payments in flight end, then close in reverse order of opening. Repeatable."""
        async with self._lock:
            stack, self._open = self._open, None
            self._over = True
            if stack is not None:
                await stack.aclose()

    @asynccontextmanager
    async def running(self, *, background: bool = True) -> AsyncIterator[Self]:
        """Be open, and with ``background`` at work, until the block ends."""
        await self.open()
        tasks = [asyncio.create_task(work) for work in self.workers()] if background else []
        try:
            yield self
        finally:
            for task in tasks:
                await _stop(task)
            await self.aclose()

    def forget(self) -> None:
        """Forget what is remembered of products and coupons, so that they are read afresh."""
        if self.sources is not None:
            self.sources.forget()

    def workers(self) -> Sequence[Coroutine[None, None, None]]:
        """Give the background work of this gateway, each to be run as a task until cancelled."""
        services = self.services
        archival = services.archival
        return [
            _repeat(services.resolve.sweep, RESOLVE_SECONDS, services),
            _repeat(services.sequence.sweep, SEQUENCE_SECONDS, services),
            _repeat(services.finality.sweep, FINALITY_SECONDS, services),
            _repeat(services.cleanup.run, TURN_SECONDS, services),
            *self._of_providers(),
            *self._of_refunds(),
            *([_repeat(archival.run, TURN_SECONDS, services)] if archival else []),
        ]

    def _of_refunds(self) -> Sequence[Coroutine[None, None, None]]:
        """Give the work that there is where a wallet of ours pays refunds by itself."""
        automatic = self.services.refunding.automatic
        return [_repeat(automatic.run, PAY_SECONDS, self.services)] if automatic.is_on else []

    def _of_providers(self) -> Sequence[Coroutine[None, None, None]]:
        """Give the work that there is where a provider hosts checkouts."""
        services = self.services
        if not services.rails.hosting:
            return []
        return [
            _repeat(services.incoming.sweep, INBOX_SECONDS, services),
            _repeat(services.overdue.run, TURN_SECONDS, services),
            _repeat(services.subscribe.upkeep.run, TURN_SECONDS, services),
            _repeat(services.refunding.by_provider.run, TURN_SECONDS, services),
        ]

    async def _opened(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self.services.store.aclose)
        await self.services.store.start()
        if self.sources is not None:
            stack.push_async_callback(self.sources.aclose)
            await self.sources.start()
        for step in self.prepare:
            await step()
        for rail in self.services.rails.all:
            if isinstance(rail, Starts):
                stack.push_async_callback(rail.aclose)
                await rail.start()
        for work in self._always():
            stack.push_async_callback(_stop, asyncio.create_task(work))
        for each in self._with_work_of_their_own():
            stack.push_async_callback(each.aclose)
        stack.push_async_callback(self._drain)

    def _always(self) -> Sequence[Coroutine[None, None, None]]:
        """Give the work without which this process may not take payments."""
        services = self.services
        work = [
            _repeat(services.leases.renew, services.leases.pause, services),
            _repeat(services.budgets.refresh, BUDGET_SECONDS, services),
            _repeat(self.refresh, KEYS_SECONDS, services),
        ]
        if self.sources is not None and self.sources.edition is not None:
            work.append(_repeat(self.sources.edition.look, LOOK.total_seconds(), services))
        return work

    def _with_work_of_their_own(self) -> Sequence[Closes]:
        services = self.services
        archival = [services.archival] if services.archival else []
        turns: list[Closes] = [
            services.sequence,
            services.cleanup,
            services.overdue,
            services.subscribe.upkeep,
            *archival,
        ]
        return [
            services.resolve,
            services.finality,
            services.refunding.by_provider,
            services.refunding.automatic,
            *turns,
        ]

    async def _drain(self) -> None:
        left = await self.services.settle.drain(self.drain_seconds)
        if left:
            _log.warning("%d payments are left to be resolved", left)


def lifetime(
    gateway: Gateway, *, background: bool
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Give the aiohttp lifetime that opens a gateway with its application."""

    async def live(_: web.Application) -> AsyncIterator[None]:
        async with gateway.running(background=background):
            yield

    return live


async def _repeat(
    work: Callable[[], Awaitable[object]], seconds: float, services: Services
) -> None:
    while True:
        try:
            await work()
        except Exception:  # background work outlives what it stumbles over
            _log.exception("background work failed; it goes on")
        await services.clock.sleep(seconds)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

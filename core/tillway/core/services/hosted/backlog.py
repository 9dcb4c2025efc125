"""What a provider has told and nobody could apply, to be seen and to be tried again."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Final

from attrs import define

from tillway.core.ports.clock import Clock
from tillway.core.ports.store import NOT_APPLIED, Inbound, InboundState, Store
from tillway.core.services.hosted.incoming import QUIET
from tillway.core.services.paging import each_of
from tillway.core.tenancy import Tenant

PAGE: Final = 50
"""Events that are held at a time: each may be a megabyte."""


@define(kw_only=True)
class Backlog:
    """The events of one source, and whether they are applied. Holds a page of them at a time."""

    store: Store
    clock: Clock
    tenant: Tenant
    source: str

    async def newest(
        self, limit: int, states: Collection[InboundState] = NOT_APPLIED
    ) -> AsyncIterator[Inbound]:
        """Give events in these states, the newest first, so many at most."""

        async def listing(size: int, before: datetime | None) -> Sequence[Inbound]:
            async with self.store.view(once=True) as view:
                return await view.inbox.listed(self.tenant, states, size, before)

        left = limit
        async for event in each_of(listing, lambda each: (each.source, each.id), PAGE):
            if event.source != self.source:
                continue
            if not left:
                return
            left -= 1
            yield event

    async def find(self, event: str) -> Inbound | None:
        """Give an event, whatever has become of it."""
        async with self.store.view(once=True) as view:
            return await view.inbox.get(self.tenant, self.source, event)

    async def retry(self, event: str) -> bool:
        """Have an event tried by whoever looks next, as if for the first time.

        False if it is applied, or is not there. A repeat does the same again.
        """
        due = self.clock.now() - QUIET  # a sweep leaves what is due for that long
        async with self.store.begin(once=True) as unit:
            return await unit.inbox.revive(self.tenant, self.source, event, due)

"""A store that is kept busy by others: some units of several calls are given up as they end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define

from support.around import StoreAround
from tillway.core.errors import Unavailable
from tillway.core.ports.store import UnitOfWork


@define(eq=False)
class CrowdedStore(StoreAround):
    """The store inside, but that the next ``refusals`` units of several calls are not written."""

    refusals: int = 0

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work."""
        async with self.store.begin(once=once) as unit:
            yield unit
            if self.refusals and not once:
                self.refusals -= 1
                raise Unavailable

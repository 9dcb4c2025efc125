"""A store that is kept busy by others: some units of several calls are given up as they end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.ports.store import Store, UnitOfWork, View


@define(eq=False)
class CrowdedStore:
    """The store inside, but that the next ``refusals`` units of several calls are not written."""

    store: Store
    refusals: int = 0

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work."""
        async with self.store.begin(once=once) as unit:
            yield unit
            if self.refusals and not once:
                self.refusals -= 1
                raise Unavailable

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[View]:
        """Open a view."""
        async with self.store.view(once=once) as view:
            yield view

    async def start(self) -> None:
        """Open the place."""
        await self.store.start()

    async def aclose(self) -> None:
        """Close it."""
        await self.store.aclose()

"""A store with another one inside: whoever inherits it says what is different."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import define

from tillway.core.ports.store import Store


@define(eq=False)
class StoreAround:
    """The store inside, as it is but for its units of work."""

    store: Store

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[Any]:
        """Open a view."""
        async with self.store.view(once=once) as view:
            yield view

    async def start(self) -> None:
        """Open the place."""
        await self.store.start()

    async def aclose(self) -> None:
        """Close it."""
        await self.store.aclose()

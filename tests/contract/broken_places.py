"""A store that outlives its process, but for what it has acknowledged last.

``test_kit.py`` has the kit try it, with the factory ``broken_places:AcknowledgesFirst.kept``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import define, field

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.ports.store import UnitOfWork, View


@define
class AcknowledgesFirst:
    """Says that a unit is written, and writes it a moment later: only a crash tells."""

    store: SqliteStore
    _late: set[asyncio.Task[None]] = field(factory=set, init=False)

    @classmethod
    def kept(cls, folder: Path) -> "AcknowledgesFirst":
        """Open the store in a folder."""
        return cls(SqliteStore(folder / "tillway.db"))

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[UnitOfWork]:
        """Open a unit that is committed when nobody waits any more."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[UnitOfWork] = loop.create_future()
        left: asyncio.Future[None] = loop.create_future()
        task = asyncio.ensure_future(self._commit(opened, left))
        self._late.add(task)
        try:
            yield await opened
        except BaseException as error:
            left.set_exception(error)
            await asyncio.wait([task])
            raise
        left.set_result(None)

    async def _commit(
        self, opened: "asyncio.Future[UnitOfWork]", left: "asyncio.Future[None]"
    ) -> None:
        async with self.store.begin() as unit:
            opened.set_result(unit)
            await left
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[View]:
        """Open a view once everything is there that anybody in this process has heard of."""
        await self._caught_up()
        async with self.store.view() as view:
            yield view

    async def start(self) -> None:
        """Open the file."""
        await self.store.start()

    async def aclose(self) -> None:
        """Write what is left, and close the file."""
        await self._caught_up()
        await self.store.aclose()

    async def _caught_up(self) -> None:
        late, self._late = self._late, set()
        await asyncio.gather(*late, return_exceptions=True)

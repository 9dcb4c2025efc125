"""Views: a few connections that read while others write."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn, TypeVar

from attrs import define, field

from tillway.adapters.stores.patience import within
from tillway.adapters.stores.sqlite.lane import Lane, Work

T = TypeVar("T")


@define(eq=False)
class ViewSession:
    """One view. Its snapshot is taken with the first thing that it reads.

    ``once`` promises that there is one such thing, which needs no snapshot.
    """

    lane: Lane
    once: bool = False
    begun: bool = False
    over: bool = False

    async def read(self, work: Work[T]) -> T:
        """Run work on the snapshot; RuntimeError for more than was promised."""
        if self.over:
            raise RuntimeError("this view has ended")
        if self.once:
            return await self._read_once(work)

        def on_snapshot(connection: sqlite3.Connection) -> T:
            if not self.begun:
                connection.execute("BEGIN")
                self.begun = True
            return work(connection)

        return await self.lane.run(on_snapshot)

    async def _read_once(self, work: Work[T]) -> T:
        if self.begun:
            raise RuntimeError("this view has promised a single call")
        self.begun = True
        return await self.lane.run(work)

    async def write(self, work: Work[T]) -> NoReturn:
        """Refuse."""
        raise RuntimeError("a view is for reading only")

    def end(self) -> None:
        """Give the snapshot up."""
        self.over = True
        if not self.once:
            self.lane.post(_end)


@define(eq=False)
class Readers:
    """Hand out connections for views, first come, first served, within ``patience`` seconds."""

    lanes: Sequence[Lane]
    patience: float
    _free: deque[Lane] = field(init=False)
    _places: asyncio.Semaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make all connections free."""
        self._free = deque(self.lanes)
        self._places = asyncio.Semaphore(len(self.lanes))

    @asynccontextmanager
    async def view(self, *, once: bool) -> AsyncIterator[ViewSession]:
        """Open a view."""
        async with within(self.patience):
            await self._places.acquire()
        session = ViewSession(self._free.pop(), once)
        try:
            yield session
        finally:
            session.end()
            self._free.append(session.lane)
            self._places.release()

    async def aclose(self) -> None:
        """Wait for the views that are open, as long as patience lasts, then close."""
        try:
            async with within(self.patience):
                for _ in self.lanes:
                    await self._places.acquire()
        finally:
            for lane in self.lanes:
                await lane.aclose()


def _end(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")

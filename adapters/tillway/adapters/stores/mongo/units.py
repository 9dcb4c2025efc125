"""Units of several calls, one at a time, and views."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

from attrs import define, field

from tillway.adapters.stores.layered.layers import Layers, Work
from tillway.adapters.stores.mongo.committing import Committer, changes_of
from tillway.adapters.stores.mongo.loader import Loader
from tillway.adapters.stores.mongo.sight import Sight
from tillway.adapters.stores.mongo.turns import Turn
from tillway.adapters.stores.patience import busy, to_the_end, within
from tillway.adapters.stores.units import Standing
from tillway.core.errors import Unavailable

T = TypeVar("T")

_TRIES: Final = 8


@define(eq=False)
class UnitSession(Standing):
    """One unit of work: what it has read is of one position, what it changes is its own.

    ``done`` is the work that it did, and what that answered.
    """

    sight: Sight
    layers: Layers
    turn: Turn
    done: list[tuple[Work[Any], Any]] = field(init=False, factory=list)

    async def read(self, work: Work[T]) -> T:
        """Do work over this unit's changes."""
        with self.operating():
            await self.turn.keep()
            answer = await work(self.layers)
            self.done.append((work, answer))
            return answer

    async def write(self, work: Work[T]) -> T:
        """Do work over this unit's changes."""
        return await self.read(work)


@define(eq=False)
class ViewSession:
    """One view. Its moment is that of the first thing that it reads."""

    layers: Layers
    once: bool
    used: bool = field(init=False, default=False)
    over: bool = field(init=False, default=False)

    async def read(self, work: Work[T]) -> T:
        """Do work that reads; RuntimeError for more than was promised."""
        if self.over:
            raise RuntimeError("this view has ended")
        if self.once and self.used:
            raise RuntimeError("this view has promised a single call")
        self.used = True
        return await work(self.layers)

    async def write(self, work: Work[T]) -> T:
        """Refuse."""
        raise RuntimeError("a view is for reading only")


@define(eq=False)
class Units:
    """Run units one after the other: in this process by ``lock``, in all by ``turn``.

    What was committed meanwhile, by calls that take no turn, is compared with what a unit has
    read and written. If they meet, its calls are made again. Is one answered otherwise, the unit
    is given up as Unavailable.
    """

    committer: Committer
    loader: Loader
    lock: asyncio.Lock
    turn: Turn

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitSession]:
        """Open a unit: committed on leaving, rolled back on an exception."""
        async with within(self.committer.patience):
            await self.lock.acquire()
        try:
            async with within(self.committer.patience):
                await self.committer.room()
                await self.committer.tail.begin()
            with self._session() as session:
                async with self.turn.held():
                    async with within(self.committer.patience):
                        yield session
                    session.over = True
                    if session.spoiled is not None:
                        raise session.spoiled
                    await to_the_end(self._commit(session))
        finally:
            self.lock.release()

    @contextmanager
    def _session(self) -> Iterator[UnitSession]:
        sight = Sight(self.committer.tail, self.loader, checked=True)
        with sight.open():
            session = UnitSession(sight, sight.layers(), self.turn)
            try:
                yield session
            finally:
                session.over = True

    @asynccontextmanager
    async def view(self, *, once: bool) -> AsyncIterator[ViewSession]:
        """Open a view."""
        await self.committer.tail.begin()
        sight = Sight(self.committer.tail, self.loader, checked=True)
        with sight.open():
            session = ViewSession(sight.layers(), once)
            try:
                yield session
            finally:
                session.over = True

    async def _commit(self, session: UnitSession) -> None:
        if not any(layer.own for layer in session.layers.each.values()):
            return None
        await self.turn.keep()
        changes = await changes_of(session.layers, session.sight)
        for attempt in range(_TRIES):
            if _is_harmed(session.sight):
                return await self._commit_again(session.done)
            position = self.committer.tail.head
            if not changes or await self.committer.commit(position, changes):
                return None
            await self.committer.others(position, attempt)
        raise busy()

    async def _commit_again(self, done: Sequence[tuple[Work[Any], Any]]) -> None:
        """Commit what the same work changes now; Unavailable unless it answers the same."""
        committer = self.committer
        sight = Sight(committer.tail, self.loader, checked=False)
        with sight.open():
            await committer.tail.refresh()
            for attempt in range(_TRIES):
                position, layers = committer.tail.head, sight.layers()
                await _do_again(layers, done)
                if await committer.commit(position, await changes_of(layers, sight)):
                    return
                await committer.others(position, attempt)
        raise busy()


async def _do_again(layers: Layers, done: Sequence[tuple[Work[Any], Any]]) -> None:
    for work, before in done:
        try:
            answer = await work(layers)
        except Unavailable:
            raise
        except Exception as error:  # which it did not raise before
            raise busy() from error
        if answer != before:
            raise busy()


def _is_harmed(sight: Sight) -> bool:
    """Tell whether what was read has changed since."""
    return sight.lost or any(sight.is_touched(each) for each in sight.later)

"""What repositories run their statements in: a unit of work, a view, or a single call.

A unit is one transaction at READ COMMITTED. Each statement of ours calls a function that is right
among others: it writes under conditions and takes its locks in one order. What a unit finds when
it reads, it holds until its end. The transaction begins with the first call, and if that collides
with others it is tried again, since the unit has been told nothing yet.

If a connection is lost while a commit is on its way, nobody knows whether that was done: it is
Unavailable as well. Writes are conditional, so the same may be asked for again: a claim finds
itself (Taken, with our owner), an end answers False and stands.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol, Self, TypeVar

from attrs import define, field

from tillway.adapters.stores.patience import to_the_end, within
from tillway.adapters.stores.postgres.faults import (
    collided,
    fault,
    is_lost,
    unavailable,
    understood,
)
from tillway.adapters.stores.postgres.pool import Lent, Pool, Rows
from tillway.adapters.stores.units import Standing
from tillway.core.errors import Unavailable

T = TypeVar("T")
Work = Callable[[Lent], Awaitable[T]]

_TRIES: Final = 4
_PAUSE: Final = 0.01
_UNIT: Final = "BEGIN"
_VIEW: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Session(Protocol):
    """What repositories run their calls in."""

    @property
    def holds(self) -> bool:
        """Tell whether what is read must not change before the end."""
        ...

    async def read(self, work: Work[T], *, steps: bool = False) -> T:
        """Run a call that reads; in one statement, or in ``steps``."""
        ...

    async def write(self, work: Work[T], *, steps: bool = False) -> T:
        """Run a call that writes; in one statement, or in ``steps``. RuntimeError in a view."""
        ...


@define(eq=False)
class Span(Standing):
    """A transaction, from its first call to its end: a unit of work, or a view."""

    pool: Pool
    holds: bool
    _lent: Lent | None = field(init=False, default=None)
    _turn: asyncio.Lock = field(init=False, factory=asyncio.Lock)

    async def read(self, work: Work[T], *, steps: bool = False) -> T:
        """Run a call in the transaction."""
        with self.operating():
            async with self._turn:
                with understood():
                    return await self._ran(work)

    async def write(self, work: Work[T], *, steps: bool = False) -> T:
        """Run a call in the transaction; RuntimeError in a view."""
        if not self.holds:
            raise RuntimeError("a view is for reading only")
        return await self.read(work)

    async def end(self, *, keep: bool) -> None:
        """Commit or roll back what was begun. Unavailable if it cannot be committed."""
        self.over = True
        lent, self._lent = self._lent, None
        if lent is None:
            return
        if not keep:
            with suppress(Unavailable):  # what is lost is rolled back
                await self._told(lent, "ROLLBACK")
        elif await self._told(lent, "COMMIT") != "COMMIT":
            raise unavailable("has lost a transaction")

    async def _ran(self, work: Work[T]) -> T:
        if self._lent is not None:
            return await work(self._lent)
        return await _tried(self.pool, lambda: self._first(work))

    async def _first(self, work: Work[T]) -> T:
        self._lent = lent = await self._begun()
        try:
            return await work(lent)
        except Exception as error:
            if collided(error):
                self._lent = None
                await to_the_end(self._told(lent, "ROLLBACK"))
            raise

    async def _begun(self) -> Lent:
        while True:
            lent = await self.pool.lend(writing=self.holds)
            try:
                await lent.command(_UNIT if self.holds else _VIEW)
            except BaseException as error:
                self.pool.give_back(lent, sound=False)
                if lent.fresh or not is_lost(error):
                    raise
            else:
                return lent

    async def _told(self, lent: Lent, command: str) -> str:
        """Tell the server how it ends, give its answer, and give the connection back."""
        answer = None
        try:
            with understood():
                async with within(self.pool.patience):
                    answer = await lent.command(command)
            return answer
        finally:
            self.pool.give_back(lent, sound=answer is not None)


class _MoreThanOne(Exception):
    """Says that a call takes several statements, and so a snapshot."""


@define(eq=False)
class _Glance(Lent):
    """A connection for one statement."""

    used: bool = False

    @classmethod
    def by(cls, lent: Lent) -> Self:
        """Give the use of a connection for one statement."""
        return cls(lent.connection, lent.names, lent.opened, lent.writing, lent.fresh)

    async def run(self, statement: str, *values: object) -> Rows:
        """Run the one statement."""
        if self.used:
            raise _MoreThanOne
        self.used = True
        return await super().run(statement, *values)


@define(eq=False)
class Single:
    """One call that is committed by the time it answers, without a transaction around it."""

    pool: Pool
    writable: bool
    over: bool = False
    holds: bool = False

    async def read(self, work: Work[T], *, steps: bool = False) -> T:
        """Run the one call; if its connection was lost, on another.

        What may take ``steps`` is begun as if it took one, as nearly all does. If it asks for
        another, it is run again in a view.
        """
        self._take_place()
        if steps:
            with suppress(_MoreThanOne):
                return await self._read(lambda sql: work(_Glance.by(sql)))
            async with view(self.pool) as span:
                return await span.read(work)
        return await self._read(work)

    async def write(self, work: Work[T], *, steps: bool = False) -> T:
        """Run the one call."""
        if not self.writable:
            raise RuntimeError("a view is for reading only")
        self._take_place()
        if steps:
            async with unit(self.pool) as span:
                return await span.write(work)
        with understood():
            return await _tried(self.pool, lambda: self._ran(work, again=False))

    async def _read(self, work: Work[T]) -> T:
        with understood():
            return await _tried(self.pool, lambda: self._ran(work, again=True))

    def _take_place(self) -> None:
        if self.over:
            raise RuntimeError("this unit of work or view has ended")
        self.over = True

    async def _ran(self, work: Work[T], *, again: bool) -> T:
        while True:
            lent, sound = await self.pool.lend(writing=self.writable), True
            try:
                return await work(lent)
            except Exception as error:
                sound = collided(error) or fault(error) is None
                if lent.fresh or not (again and is_lost(error)):
                    raise
            finally:
                # Where the caller was cancelled, the driver sees to it that the server stops.
                self.pool.give_back(lent, sound=sound)


@asynccontextmanager
async def unit(pool: Pool) -> AsyncIterator[Span]:
    """Open a unit of work: committed on leaving, rolled back on an exception."""
    span = Span(pool, holds=True)
    try:
        async with within(pool.patience):
            yield span
        if span.spoiled is not None:
            raise span.spoiled
    except BaseException:
        await to_the_end(span.end(keep=False))
        raise
    await to_the_end(span.end(keep=True))


@asynccontextmanager
async def view(pool: Pool) -> AsyncIterator[Span]:
    """Open a view: its snapshot is taken with the first thing that it reads."""
    span = Span(pool, holds=False)
    try:
        yield span
    finally:
        await to_the_end(span.end(keep=False))


@asynccontextmanager
async def single(pool: Pool, *, writable: bool) -> AsyncIterator[Single]:
    """Open a unit of work or a view of one call."""
    session = Single(pool, writable)
    try:
        yield session
    finally:
        session.over = True


async def _tried(pool: Pool, call: Callable[[], Awaitable[T]]) -> T:
    """Call, and again while others collide with it: nothing of it is then done."""
    for attempt in range(1, _TRIES):
        try:
            return await call()
        except Exception as error:
            if not collided(error):
                raise
        await asyncio.sleep(_PAUSE * attempt * (0.5 + pool.jitter()))
    return await call()

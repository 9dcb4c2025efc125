"""Units that promised a single call: done and committed in one visit to the writer's thread.

Those that come while the thread is busy wait together, and share the next visit and its commit.
Each runs between a savepoint and its release, so that one that fails harms no other.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from attrs import define, field, frozen

from tillway.adapters.stores.promises import MOST_CALLS, Done, Promise
from tillway.adapters.stores.sqlite.faults import told, unavailable
from tillway.adapters.stores.sqlite.lane import Work
from tillway.adapters.stores.sqlite.writer import Transaction, Writer
from tillway.core.errors import Unavailable

T = TypeVar("T")


@frozen(eq=False)
class _Call:
    """Work that waits for the next visit, and for its answer."""

    work: Work[Any]
    answer: "asyncio.Future[Any]"


@define(eq=False)
class SingleSession:
    """A unit of one call, which is committed once that has been answered."""

    singles: "Singles"
    promise: Promise = field(factory=Promise)

    async def read(self, work: Work[T]) -> T:
        """Run the one call that was promised; RuntimeError for another."""
        return await self.promise.kept(lambda: self.singles.run(work))

    async def write(self, work: Work[T]) -> T:
        """Run the one call that was promised; RuntimeError for another."""
        return await self.read(work)


@define(eq=False)
class Singles:
    """Take calls and make them together, in the order in which they come.

    A call whose caller is cancelled is not begun, or is written or not, as after a crash.
    """

    writer: Writer
    _waiting: deque[_Call] = field(init=False, factory=deque)
    _visiting: asyncio.Task[None] | None = field(init=False, default=None)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[SingleSession]:
        """Open a unit of one call."""
        session = SingleSession(self)
        with session.promise.held():
            yield session

    async def run(self, work: Work[T]) -> T:
        """Run work in the next visit, and give its result once that is committed."""
        call = _Call(work, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._visiting is None:
            self._visiting = asyncio.create_task(self._visit(), name="sqlite singles")
        result: T = await call.answer
        return result

    async def aclose(self) -> None:
        """Wait until every call has its answer."""
        while self._visiting is not None:
            await asyncio.wait([self._visiting])

    async def _visit(self) -> None:
        try:
            while self._waiting:
                await self._make_some()
        finally:
            self._visiting = None

    async def _make_some(self) -> None:
        calls: list[_Call] = []
        try:
            async with self.writer.turn() as transaction:
                calls = self._taken()
                works = [call.work for call in calls]
                made = partial(_made, transaction=transaction, works=works)
                done = await self.writer.lane.run(made)
        except Exception as failure:  # whoever waits has to hear of it
            done = [Done(error=failure) for _ in calls or self._waiting]
            calls = calls or self._taken(len(self._waiting))
        for call, what in zip(calls, done, strict=True):
            what.tell(call.answer)

    def _taken(self, most: int = MOST_CALLS) -> list[_Call]:
        count = min(most, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]


# What runs in the writer's thread


def _made(
    sql: sqlite3.Connection, transaction: Transaction, works: Sequence[Work[Any]]
) -> list[Done]:
    """Make calls and commit them, with whatever units had been left open."""
    try:
        done = [_one(sql, transaction, work) for work in works]
        if sql.in_transaction:
            sql.execute("COMMIT")
    except Exception:
        transaction.roll_back(sql)
        raise
    return done


def _one(sql: sqlite3.Connection, transaction: Transaction, work: Work[Any]) -> Done:
    transaction.begin_unit(sql)
    try:
        return Done(value=work(sql))
    except Exception as error:
        heard = told(error)
        if sql.in_transaction:
            transaction.drop_unit(sql)
            return Done(error=heard)
        # Some errors, a full disk for one, make SQLite drop the calls before it as well.
        lost = unavailable("has lost a transaction")
        raise heard if isinstance(heard, Unavailable) else lost from error

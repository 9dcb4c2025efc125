"""Units of work: one at a time, many to a commit.

A commit waits for the disk, so units that come while others run share one. Each runs between a
savepoint and its release, and is acknowledged once the transaction around it is committed; a
unit that is rolled back goes back to its savepoint and harms no other. Whatever a unit has
seen of others is therefore committed, or was never acknowledged either.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from attrs import define, field

from tillway.adapters.stores.patience import to_the_end, within
from tillway.adapters.stores.sqlite.faults import Patience, unavailable
from tillway.adapters.stores.sqlite.lane import Lane, Work
from tillway.adapters.stores.units import Standing
from tillway.core.errors import Unavailable

T = TypeVar("T")

_MOST_UNITS = 64
_LONGEST_GROUP = 0.02
"""Seconds: other processes wait for the database as long as a group lasts."""


@define(eq=False)
class Group:
    """Units that share a transaction; ``done`` gives the error if it could not be committed."""

    since: float
    done: asyncio.Future[Unavailable | None]
    units: int = 0


@define(eq=False)
class Transaction:
    """The transaction around units. Used in the writer's thread only.

    A unit that was kept stays open until the next one begins, or the transaction ends.
    """

    busy: Patience
    kept: bool = False

    def begin_unit(self, sql: sqlite3.Connection) -> None:
        """Set a savepoint, in the transaction that is open or in a new one."""
        if not sql.in_transaction:
            self.kept = False
            self.busy.call(lambda: sql.execute("BEGIN IMMEDIATE"))
        if self.kept:
            sql.execute("RELEASE unit")
        sql.execute("SAVEPOINT unit")
        self.kept = True

    def drop_unit(self, sql: sqlite3.Connection) -> None:
        """Undo the unit that is open, and no other."""
        sql.execute("ROLLBACK TO unit")
        sql.execute("RELEASE unit")
        self.kept = False

    def roll_back(self, sql: sqlite3.Connection) -> None:
        """Undo everything that is not committed."""
        with suppress(sqlite3.Error):  # the error that led here is the one that counts
            if sql.in_transaction:
                sql.execute("ROLLBACK")


@define(eq=False)
class UnitSession(Standing):
    """One unit of work, from its first statement on."""

    lane: Lane
    transaction: Transaction
    used: bool = False
    begun: bool = False

    async def read(self, work: Work[T]) -> T:
        """Run work between this unit's savepoint and its end."""
        with self.operating():
            self.used = True
            return await self.lane.run(lambda sql: self._inside(sql, work))

    async def write(self, work: Work[T]) -> T:
        """Run work between this unit's savepoint and its end."""
        return await self.read(work)

    def end(self, sql: sqlite3.Connection, *, keep: bool, commit: bool) -> bool:
        """End the unit, and the transaction too if told so; tell whether that is still open."""
        try:
            if self.begun and not sql.in_transaction:
                # Some errors, a full disk for one, make SQLite drop the whole transaction.
                raise self.spoiled or unavailable("has lost a transaction")
            if self.begun and not keep:
                self.transaction.drop_unit(sql)
            if commit and sql.in_transaction:
                sql.execute("COMMIT")
        except Exception:
            self.transaction.roll_back(sql)
            raise
        return sql.in_transaction

    def _inside(self, sql: sqlite3.Connection, work: Work[T]) -> T:
        if not self.begun:
            self.transaction.begin_unit(sql)
            self.begun = True
        return work(sql)


@define(eq=False)
class Writer:
    """Run the units of this process in the order in which they come.

    A unit that waits for its turn or lasts longer than ``patience`` seconds is given up.
    """

    lane: Lane
    transaction: Transaction
    patience: float
    _turn: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _waiting: int = field(init=False, default=0)
    _group: Group | None = field(init=False, default=None)
    _standing_in: set[asyncio.Task[None]] = field(init=False, factory=set)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitSession]:
        """Open a unit: committed on leaving, rolled back on an exception."""
        await self._take_turn()
        session = UnitSession(self.lane, self.transaction)
        try:
            async with within(self.patience):
                yield session
            if session.spoiled is not None:
                raise session.spoiled
        except BaseException as error:
            failure = await to_the_end(self._left(session, keep=False))
            if failure is not None and isinstance(error, Exception):
                raise _again(failure) from error
            raise
        failure = await to_the_end(self._left(session, keep=True))
        if failure is not None:
            raise _again(failure) from failure

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Transaction]:
        """Have the thread to oneself, to begin units in it and to commit them.

        Leaving without an exception means that everything is committed, what others have left
        open included; with one, that nothing is.
        """
        await self._take_turn()
        try:
            yield self.transaction
            self._end_group(None)
        except BaseException as error:
            failure = unavailable("has failed")
            failure.__cause__ = error
            self._end_group(error if isinstance(error, Unavailable) else failure)
            raise
        finally:
            self._turn.release()
            self._stand_in()

    async def aclose(self) -> None:
        """Commit what has begun, then close."""
        try:
            await self._nothing()
        finally:
            await self.lane.aclose()

    async def _take_turn(self) -> None:
        self._waiting += 1
        try:
            async with within(self.patience):
                await self._turn.acquire()
        except BaseException:
            self._waiting -= 1
            self._stand_in()
            raise
        self._waiting -= 1

    def _stand_in(self) -> None:
        """See to a group that was left to units of which all have given up waiting."""
        if self._group is not None and not self._turn.locked() and not self._waiting:
            task = asyncio.ensure_future(self._nothing())
            self._standing_in.add(task)
            task.add_done_callback(self._standing_in.discard)

    async def _nothing(self) -> None:
        """Be an empty unit, which commits what others have left open."""
        async with self.unit():
            pass

    async def _left(self, session: UnitSession, *, keep: bool) -> Unavailable | None:
        """End a unit, pass the turn on, and give what kept its group from being committed."""
        session.over = True
        try:
            group = self._joined(session)
            if group is None:
                return None
            await self._ended(session, group, keep)
        finally:
            self._turn.release()
            self._stand_in()
        return await group.done

    def _joined(self, session: UnitSession) -> Group | None:
        if session.used:
            loop = asyncio.get_running_loop()
            self._group = self._group or Group(loop.time(), loop.create_future())
            self._group.units += 1
        return self._group

    async def _ended(self, session: UnitSession, group: Group, keep: bool) -> None:
        commit = self._is_complete(group)
        if keep and not commit:
            return
        failure = None
        try:
            if await self.lane.run(partial(session.end, keep=keep, commit=commit)):
                return
        except Unavailable as error:
            failure = error
        except Exception as error:
            failure = unavailable("has failed")
            failure.__cause__ = error
        self._end_group(failure)

    def _end_group(self, failure: Unavailable | None) -> None:
        group, self._group = self._group, None
        if group is not None:
            group.done.set_result(failure)

    def _is_complete(self, group: Group) -> bool:
        age = asyncio.get_running_loop().time() - group.since
        return self._waiting == 0 or group.units >= _MOST_UNITS or age >= _LONGEST_GROUP


def _again(failure: Unavailable) -> Unavailable:
    """Give each unit of a group an error of its own."""
    return Unavailable(failure.code, failure.message, retry_after=failure.retry_after)

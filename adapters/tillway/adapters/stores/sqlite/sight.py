"""What repositories of records see of SQLite, and where their calls run.

A call of theirs is a coroutine over this sight, which never waits: whatever it asks is answered
at once, by the connection. So it runs from end to end in one visit to the session's thread, like
any statement, alone in its unit or among others.
"""

import sqlite3
from collections.abc import Collection, Sequence
from functools import partial

from attrs import frozen

from tillway.adapters.stores.codec import EventRow, LineRow
from tillway.adapters.stores.records.rows import AccountRow, Kind, Row, T, Work
from tillway.adapters.stores.sqlite import books, log, rows, tallies
from tillway.adapters.stores.sqlite.claims import is_live
from tillway.adapters.stores.sqlite.lane import Session, on_one_snapshot


@frozen
class SqliteCalls:
    """Run the calls of repositories of records in a session's thread."""

    session: Session

    async def write(self, work: Work[T], *, steps: bool = True) -> T:
        """Run a call that writes. RuntimeError in a view. An exception spoils the unit."""
        return await self.session.write(partial(_ran, work=work))

    async def read(self, work: Work[T]) -> T:
        """Run a call that reads."""
        return await self.session.read(partial(_read, work=work))


@frozen
class SqliteSight:
    """Rows, totals, books and claims over one connection."""

    sql: sqlite3.Connection

    async def insert(self, kind: Kind, row: Row) -> bool:
        """Write a new row; False, and nothing written, if its id, mark or slot is taken."""
        return rows.insert(self.sql, kind, row)

    async def swap(self, kind: Kind, row: Row) -> bool:
        """Write a row over the version that it names, one version up, with its ``at`` as it is."""
        return rows.swap(self.sql, kind, row)

    async def remove(self, kind: Kind, tenant: str, name: str) -> bool:
        """Remove a row and tell whether it was there."""
        return rows.remove(self.sql, kind, tenant, name)

    async def get(self, kind: Kind, tenant: str, name: str) -> Row | None:
        """Give a row."""
        return rows.get(self.sql, kind, tenant, name)

    async def marked(self, kind: Kind, tenant: str, mark: str) -> Row | None:
        """Give the row with this mark."""
        return rows.marked(self.sql, kind, tenant, mark)

    async def slotted(self, kind: Kind, tenant: str, slot: str) -> Row | None:
        """Give the row in this slot."""
        return rows.slotted(self.sql, kind, tenant, slot)

    async def newest(
        self,
        kind: Kind,
        tenant: str,
        limit: int,
        *,
        before: int | None = None,
        group: str | None = None,
        states: Collection[str] | None = None,
    ) -> Sequence[Row]:
        """Give rows with ``at`` below ``before``, newest first; of one time, the greater id first.

        Of one group, or in some of the states, or all; ValueError for both at once.
        """
        return rows.newest(self.sql, kind, tenant, limit, before, group, states)

    async def due(
        self, kind: Kind, states: Collection[str], before: int, limit: int
    ) -> Sequence[Row]:
        """Give rows of all tenants in these states, due before that time."""
        return rows.due(self.sql, kind, states, before, limit)

    async def count(
        self, kind: Kind, tenant: str, group: str, state: str, due_from: int, most: int
    ) -> int:
        """Count a group's rows in a state that are due at or after that time, to ``most``."""
        return rows.count(self.sql, kind, tenant, group, state, due_from, most)

    async def in_order(self, kind: Kind, tenant: str, limit: int) -> Sequence[Row]:
        """Give a tenant's rows by id, ascending."""
        return rows.in_order(self.sql, kind, tenant, limit)

    async def take(self, tenant: str, chain: str, name: str, change: int, most: int | None) -> bool:
        """Add to a total if that leaves it at ``most`` at most; else False, and nothing added."""
        return tallies.take(self.sql, (tenant, chain, name), change, most)

    async def enter(self, fact: EventRow, lines: Sequence[LineRow]) -> int | None:
        """Write an entry's fact and lines, and change the accounts."""
        return books.enter(self.sql, fact, lines)

    async def fact(self, tenant: str, name: str) -> EventRow | None:
        """Give a fact by its id."""
        return log.fact(self.sql, tenant, name)

    async def account(self, tenant: str, name: str) -> AccountRow | None:
        """Give an account as it stands."""
        return books.account(self.sql, tenant, name)

    async def accounts(self, tenant: str, limit: int, after: str) -> Sequence[AccountRow]:
        """Give accounts with names beyond ``after``, ascending."""
        return books.accounts(self.sql, tenant, limit, after)

    async def lines(
        self, tenant: str, account: str, limit: int, before: tuple[int, str] | None
    ) -> Sequence[LineRow]:
        """Give an account's lines, newest first."""
        return books.history(self.sql, tenant, account, limit, before)

    async def reserve(self, tenant: str, account: str, change: int, least: int | None) -> bool:
        """Change what is free in an account, and not its total, if ``least`` is left at least."""
        return books.reserve(self.sql, tenant, account, change, least)

    async def is_live(self, chain: str, key: str) -> bool:
        """Tell whether there is a live payment with this key."""
        return is_live(self.sql, chain, key)


# What runs in the session's thread


def _ran(sql: sqlite3.Connection, work: Work[T]) -> T:
    """Run a call from end to end."""
    running = work(SqliteSight(sql)).__await__()
    try:
        next(running)
    except StopIteration as end:
        result: T = end.value
        return result
    running.close()
    raise RuntimeError("a call of records waits for nothing but the store")


def _read(sql: sqlite3.Connection, work: Work[T]) -> T:
    """Run a call on one snapshot, also where the session has none: it may ask several things."""
    with on_one_snapshot(sql):
        return _ran(sql, work)

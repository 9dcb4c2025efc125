"""The log of facts in SQLite."""

import sqlite3
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final

from attrs import frozen

from tillway.adapters.stores.codec import Codec, EventRow
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.sqlite.lane import Session
from tillway.core.events import LEDGER_ENTRY, Event
from tillway.core.ids import EventId
from tillway.core.ports.store import Link, Sealed
from tillway.core.tenancy import Tenant

_FACT: Final = "tenant, id, type, at, body"
_VALUES: Final = attrgetter(*_FACT.split(", "))
_LINK: Final = "position, tenant, number, id, seal"

# Every name in these statements is ours; what comes from outside is always a parameter.
_APPEND: Final = f"INSERT INTO events ({_FACT}) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608 - as above
_GET: Final = f"SELECT {_FACT} FROM events WHERE tenant = ? AND id = ?"  # noqa: S608 - as above
_NEWEST: Final = (
    f"SELECT {_FACT} FROM events WHERE tenant = ? AND type <> '{LEDGER_ENTRY}'"  # noqa: S608 - as above
    " ORDER BY at DESC, id DESC LIMIT ?"
)
_UNSEALED: Final = (
    f"SELECT {_FACT} FROM events WHERE position IS NULL ORDER BY at, tenant, id LIMIT ?"  # noqa: S608 - as above
)
_PLACE: Final = (
    "UPDATE events SET position = ?, number = ?, seal = ?"
    " WHERE tenant = ? AND id = ? AND position IS NULL"
)
_LAST: Final = (
    f"SELECT {_LINK} FROM events WHERE position IS NOT NULL"  # noqa: S608 - as above
    " ORDER BY position DESC LIMIT 1"
)
_HEAD: Final = (
    f"SELECT {_LINK} FROM events WHERE tenant = ? AND number IS NOT NULL"  # noqa: S608 - as above
    " ORDER BY number DESC LIMIT 1"
)
_AFTER: Final = f"SELECT {_LINK}, {_FACT} FROM events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608 - as above
_AFTER_OF_ONE: Final = (
    f"SELECT {_LINK}, {_FACT} FROM events WHERE tenant = ? AND position > ?"  # noqa: S608 - as above
    " ORDER BY position LIMIT ?"
)


@frozen
class SqliteEvents:
    """The log of facts."""

    session: Session
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact, without a place; a repeat of its id does nothing."""
        row = self.codec.event_row(event)
        await self.session.write(partial(append, facts=[row]))

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts but ledger entries, newest first."""
        return await self._events(_NEWEST, tenant, checked(limit))

    async def unsealed(self, limit: int) -> Sequence[Event]:
        """Give facts of all tenants that have no place yet, oldest first."""
        return await self._events(_UNSEALED, checked(limit))

    async def seal(self, links: Sequence[Link]) -> bool:
        """Give facts their places, all or nothing."""
        return await self.session.write(partial(_seal, links=links))

    async def last(self) -> Link | None:
        """Give the link with the highest position."""
        return await self.session.read(lambda sql: _link(sql, _LAST))

    async def head(self, tenant: Tenant) -> Link | None:
        """Give the tenant's link with the highest number."""
        return await self.session.read(lambda sql: _link(sql, _HEAD, tenant))

    async def after(
        self, position: int, limit: int, tenant: Tenant | None = None
    ) -> Sequence[Sealed]:
        """Give facts with their places beyond a position, ascending, of all tenants or of one."""
        if tenant is None:
            rows = await self._rows(_AFTER, position, checked(limit))
        else:
            rows = await self._rows(_AFTER_OF_ONE, tenant, position, checked(limit))
        return [
            Sealed(link=_linked(*row[:5]), event=self.codec.event(EventRow(*row[5:])))
            for row in rows
        ]

    async def _events(self, statement: str, *values: object) -> Sequence[Event]:
        rows = await self._rows(statement, *values)
        return [self.codec.event(EventRow(*row)) for row in rows]

    async def _rows(self, statement: str, *values: object) -> list[Any]:
        return await self.session.read(lambda sql: sql.execute(statement, values).fetchall())


# What runs in the session's thread


def append(sql: sqlite3.Connection, facts: Sequence[EventRow]) -> int:
    """Write facts, but for those that are known, and tell how many."""
    return sql.executemany(_APPEND, map(_VALUES, facts)).rowcount


def fact(sql: sqlite3.Connection, tenant: str, name: str) -> EventRow | None:
    """Give a fact by its id."""
    row = sql.execute(_GET, (tenant, name)).fetchone()
    return None if row is None else EventRow(*row)


def _seal(sql: sqlite3.Connection, links: Sequence[Link]) -> bool:
    if not _follow(sql, links):
        return False
    placed = ((one.position, one.number, one.seal, one.tenant, one.fact) for one in links)
    sql.execute("SAVEPOINT seal")
    written = sql.executemany(_PLACE, placed).rowcount if links else 0
    if written < len(links):
        sql.execute("ROLLBACK TO seal")
    sql.execute("RELEASE seal")
    return written == len(links)


def _follow(sql: sqlite3.Connection, links: Sequence[Link]) -> bool:
    """Tell whether each link is the next one, in the log and in its tenant's chain."""
    last = _link(sql, _LAST)
    position = 0 if last is None else last.position
    numbers: dict[Tenant, int] = {}
    for place, link in enumerate(links, start=1):
        if link.tenant not in numbers:
            head = _link(sql, _HEAD, link.tenant)
            numbers[link.tenant] = 0 if head is None else head.number
        numbers[link.tenant] += 1
        if (link.position, link.number) != (position + place, numbers[link.tenant]):
            return False
    return True


def _link(sql: sqlite3.Connection, statement: str, *values: object) -> Link | None:
    row = sql.execute(statement, values).fetchone()
    return None if row is None else _linked(*row)


def _linked(position: int, tenant: str, number: int, fact: str, seal: str) -> Link:
    return Link(
        position=position, tenant=Tenant(tenant), number=number, fact=EventId(fact), seal=seal
    )

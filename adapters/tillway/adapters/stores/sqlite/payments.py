"""Payments, their tallies and their facts in SQLite."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import orjson
from attrs import astuple, evolve, fields, frozen

from tillway.adapters.stores.codec import Codec, EventRow, PaymentRow, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.reservations import (
    TallyKey,
    changes,
    first_refused,
    keys_of,
    tally_key,
)
from tillway.adapters.stores.sqlite.lane import Session
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.payments import Chain, Payment, PaymentKey, Phase, Reservation, State
from tillway.core.ports.store import Claimed, ClaimResult, Refused, Taken
from tillway.core.tenancy import Tenant

_COLUMNS: Final = ", ".join(column.name for column in fields(PaymentRow))
_MARKS: Final = ", ".join("?" for _ in fields(PaymentRow))
_LIVE: Final = "state IN ('claimed', 'unresolved')"

# Every name in these statements is ours; what comes from outside is always a parameter.
_INSERT: Final = f"INSERT INTO payments ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 - as above
_UPDATE: Final = f"UPDATE payments SET ({_COLUMNS}) = ({_MARKS}) WHERE chain = ? AND key = ?"  # noqa: S608 - as above
_SELECT: Final = f"SELECT {_COLUMNS} FROM payments"  # noqa: S608 - as above
_BY_KEY: Final = f"{_SELECT} WHERE chain = ? AND key = ?"
_FIRST: Final = f"{_BY_KEY} UNION ALL {_SELECT} WHERE chain = ? AND signature = ? LIMIT 1"
_OURS: Final = f"{_BY_KEY} AND tenant = ? AND owner = ? AND {_LIVE}"
_BY_SIGNATURE: Final = (
    f"{_SELECT} WHERE tenant = ? AND signature = ? ORDER BY created_at DESC, chain DESC LIMIT 1"
)
_NEWEST: Final = (
    f"{_SELECT} WHERE tenant = ? AND created_at < ?"
    " ORDER BY created_at DESC, chain DESC, key DESC LIMIT ?"
)
_IDLE: Final = (
    f"{_SELECT} WHERE {_LIVE} AND lease_until < ?"
    " ORDER BY lease_until, created_at, chain, key LIMIT ?"
)
_TAKE: Final = "UPDATE payments SET owner = ?, lease_until = ? WHERE chain = ? AND key = ?"
_RENEW: Final = (
    "UPDATE payments SET lease_until = max(lease_until, ?)"  # noqa: S608 - as above
    f" WHERE owner = ? AND {_LIVE} AND key IN (SELECT value FROM json_each(?))"
)
_TOTALS: Final = """
    SELECT tenant, chain, name, total FROM json_each(?) AS wanted JOIN tallies
    ON tenant = json_extract(wanted.value, '$[0]')
    AND chain = json_extract(wanted.value, '$[1]')
    AND name = json_extract(wanted.value, '$[2]')
"""
_ADD: Final = """
    INSERT INTO tallies (tenant, chain, name, total) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = total + excluded.total
"""
_SWEEP: Final = "DELETE FROM tallies WHERE tenant = ? AND chain = ? AND name = ? AND total = 0"
_APPEND: Final = (
    "INSERT INTO events (tenant, id, type, at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_NEWEST_EVENTS: Final = (
    "SELECT tenant, id, type, at, body FROM events"
    " WHERE tenant = ? ORDER BY at DESC, id DESC LIMIT ?"
)
_FAR_FUTURE: Final = 2**63 - 1


@frozen
class SqlitePayments:
    """Claims and what became of them."""

    session: Session
    codec: Codec

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing."""
        row = self.codec.payment_row(payment)
        met = await self.session.write(partial(_claim, row=row, payment=payment))
        if isinstance(met, PaymentRow):
            return Taken(payment=self.codec.payment(met))
        return Claimed() if met is None else Refused(reservation=met)

    async def settle(self, payment: Payment, facts: Sequence[Event] = ()) -> bool:
        """Write the settled payment if it is still live and owned by ``payment.owner``."""
        return await self._end(payment, Phase.SETTLED, facts)

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``."""
        return await self._end(payment, Phase.LANDED_FAILURE if landed else None, facts)

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on."""
        left = evolve(payment, state=State.UNRESOLVED, lease_until=until)
        row = self.codec.payment_row(left)
        return await self.session.write(partial(_rewrite, row=row)) is not None

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many."""
        values = (micros(until), owner, orjson.dumps(keys).decode())
        return await self.session.write(lambda sql: sql.execute(_RENEW, values).rowcount)

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once."""
        work = partial(
            _take_over, owner=owner, now=micros(now), until=micros(until), limit=checked(limit)
        )
        return [self.codec.payment(row) for row in await self.session.write(work)]

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant."""
        return await self._one(_BY_KEY, chain, key)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature."""
        return await self._one(_BY_SIGNATURE, tenant, signature)

    async def newest(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's payments, newest first, created before that time."""
        end = _FAR_FUTURE if before is None else micros(before)
        work = partial(_rows, statement=_NEWEST, values=(tenant, end, checked(limit)))
        return [self.codec.payment(row) for row in await self.session.read(work)]

    async def _end(self, payment: Payment, after: Phase | None, facts: Sequence[Event]) -> bool:
        work = partial(_end, payment=payment, codec=self.codec, after=after, facts=facts)
        return await self.session.write(work)

    async def _one(self, statement: str, *values: str) -> Payment | None:
        rows = await self.session.read(partial(_rows, statement=statement, values=values))
        return self.codec.payment(rows[0]) if rows else None


@frozen
class SqliteTallies:
    """Running totals of reservations."""

    session: Session

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent."""
        keys = [tally_key(tenant, chain, name) for name in names]
        found = await self.session.read(partial(_totals, keys=keys))
        return {name: total for (_, _, name), total in found.items()}


@frozen
class SqliteEvents:
    """The log of facts."""

    session: Session
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact; a repeat of its id does nothing."""
        values = astuple(self.codec.event_row(event))
        await self.session.write(lambda sql: sql.execute(_APPEND, values))

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts, newest first."""
        values = (tenant, checked(limit))
        rows = await self.session.read(lambda sql: sql.execute(_NEWEST_EVENTS, values).fetchall())
        return [self.codec.event(EventRow(*row)) for row in rows]


# What runs in the session's thread


def _claim(
    sql: sqlite3.Connection, row: PaymentRow, payment: Payment
) -> PaymentRow | Reservation | None:
    """Give what stands in the way of a claim, or write it."""
    first = _rows(sql, _FIRST, (row.chain, row.key, row.chain, row.signature))
    if first:
        return first[0]
    refused = first_refused(payment, _totals(sql, keys_of(payment)))
    if refused is None:
        sql.execute(_INSERT, astuple(row))
        _add(sql, changes(payment, None, Phase.LIVE))
    return refused


def _end(
    sql: sqlite3.Connection,
    payment: Payment,
    codec: Codec,
    after: Phase | None,
    facts: Sequence[Event],
) -> bool:
    if payment.is_live:
        raise ValueError("a payment that has ended is not live")
    told = [astuple(row) for row in codec.facts(payment, facts)]
    claim = _rewrite(sql, codec.payment_row(payment))
    if claim is not None:
        _add(sql, changes(codec.payment(claim), Phase.LIVE, after))
        sql.executemany(_APPEND, told)
    return claim is not None


def _rewrite(sql: sqlite3.Connection, row: PaymentRow) -> PaymentRow | None:
    """Put a row in the place of the claim that it owns, and give that one."""
    ours = _rows(sql, _OURS, (row.chain, row.key, row.tenant, row.owner))
    if not ours:
        return None
    try:
        sql.execute(_UPDATE, (*astuple(row), row.chain, row.key))
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise Declined(Code.SIGNATURE_REUSED) from error
        raise
    return ours[0]


def _take_over(
    sql: sqlite3.Connection, owner: str, now: int, until: int, limit: int
) -> Sequence[PaymentRow]:
    taken = [evolve(row, owner=owner, lease_until=until) for row in _rows(sql, _IDLE, (now, limit))]
    sql.executemany(_TAKE, ((owner, until, row.chain, row.key) for row in taken))
    return taken


def _rows(sql: sqlite3.Connection, statement: str, values: Iterable[object]) -> list[PaymentRow]:
    return [PaymentRow(*row) for row in sql.execute(statement, tuple(values))]


def _totals(sql: sqlite3.Connection, keys: Sequence[TallyKey]) -> dict[TallyKey, int]:
    wanted = orjson.dumps(keys).decode()
    rows = sql.execute(_TOTALS, (wanted,)).fetchall() if wanted != "[]" else ()
    return {(tenant, chain, name): total for tenant, chain, name, total in rows}


def _add(sql: sqlite3.Connection, changes: Sequence[tuple[TallyKey, int]]) -> None:
    sql.executemany(_ADD, ((*key, change) for key, change in changes))
    sql.executemany(_SWEEP, (key for key, change in changes if change < 0))

"""What SQLite does with payments, in the session's thread."""

import sqlite3
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import orjson
from attrs import evolve, fields, frozen

from tillway.adapters.stores.codec import Codec, EventRow, LineRow, PaymentRow, micros
from tillway.adapters.stores.reservations import changes, first_refused, keys_of, moved
from tillway.adapters.stores.sqlite.books import enter
from tillway.adapters.stores.sqlite.log import append
from tillway.adapters.stores.sqlite.tallies import add, totals
from tillway.core.errors import Code, Declined
from tillway.core.payments import Chain, Payment, Phase, Reservation, State, phase_of

_NAMES: Final = tuple(column.name for column in fields(PaymentRow))
_VALUES: Final = attrgetter(*_NAMES)
_COLUMNS: Final = ", ".join(_NAMES)
_MARKS: Final = ", ".join("?" for _ in _NAMES)
_LIVE: Final = "state IN ('claimed', 'unresolved')"
_ENDED: Final = "state IN ('settled', 'unapplied', 'failed', 'reversed')"
_FAR_FUTURE: Final = 2**63 - 1
_TAKEN: Final = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_TRIGGER)
"""Another payment has the signature, or one in the archive, of which a trigger tells."""

# Every name in these statements is ours; what comes from outside is always a parameter.
_INSERT: Final = f"INSERT INTO payments ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 - as above
_SELECT: Final = f"SELECT {_COLUMNS} FROM payments"  # noqa: S608 - as above
_ARCHIVED: Final = f"SELECT {_COLUMNS} FROM archive"  # noqa: S608 - as above
_KEY: Final = "WHERE chain = ? AND key = ?"
_SIGNATURE: Final = "WHERE chain = ? AND signature = ?"
_FIRST: Final = (
    f"{_SELECT} {_KEY} UNION ALL {_ARCHIVED} {_KEY}"
    f" UNION ALL {_SELECT} {_SIGNATURE} UNION ALL {_ARCHIVED} {_SIGNATURE} LIMIT 1"
)
_OURS: Final = f"{_SELECT} {_KEY} AND tenant = ? AND owner = ? AND {_LIVE}"
_OURS_AS: Final = f"{_SELECT} {_KEY} AND tenant = ? AND owner = ? AND state = ?"
_IS_LIVE: Final = f"SELECT 1 FROM payments {_KEY} AND {_LIVE}"  # noqa: S608 - as above

IDLE: Final = (
    f"{_SELECT} WHERE {_LIVE} AND lease_until < ?"
    " ORDER BY lease_until, created_at, chain, key LIMIT ?"
)
WATCHED: Final = (
    f"{_SELECT} WHERE watched = 1 AND {_ENDED} AND lease_until < ?"
    " ORDER BY lease_until, created_at, chain, key LIMIT ?"
)
_TAKE: Final = "UPDATE payments SET owner = ?, lease_until = ? WHERE chain = ? AND key = ?"
_RENEW: Final = (
    "UPDATE payments SET lease_until = max(lease_until, ?)"  # noqa: S608 - as above
    f" WHERE owner = ? AND {_LIVE} AND key IN (SELECT value FROM json_each(?))"
)

FOUND: Final = (f"{_SELECT} {_KEY}", f"{_ARCHIVED} {_KEY}")
_OF_SIGNATURE: Final = (
    "WHERE tenant = ? AND signature = ? ORDER BY created_at DESC, chain DESC LIMIT 1"
)
SIGNED: Final = (f"{_SELECT} {_OF_SIGNATURE}", f"{_ARCHIVED} {_OF_SIGNATURE}")

_NEWEST_FIRST: Final = "created_at < ? ORDER BY created_at DESC, chain DESC, key DESC LIMIT ?"
NEWEST: Final = f"{_SELECT} WHERE tenant = ? AND {_NEWEST_FIRST}"
OF_USER: Final = f"{_SELECT} WHERE tenant = ? AND user_id = ? AND {_NEWEST_FIRST}"
# What is compared with the payer is written as in the index.
OF_PAYER: Final = (
    f"{_SELECT} WHERE tenant = ? AND json_extract(body, '$.payer') = ? AND state = 'settled'"
    " AND (created_at, chain, key) < (?, ?, ?)"
    " ORDER BY created_at DESC, chain DESC, key DESC LIMIT ?"
)
ARCHIVED: Final = f"{_ARCHIVED} WHERE tenant = ? AND {_NEWEST_FIRST}"

_OVER: Final = (
    f"SELECT rowid FROM payments WHERE watched = 0 AND {_ENDED} AND created_at < ?"  # noqa: S608 - as above
    " ORDER BY created_at, chain, key LIMIT ?"
)
_THESE: Final = "WHERE rowid IN (SELECT value FROM json_each(?))"
_PUT_AWAY: Final = f"INSERT INTO archive ({_COLUMNS}) {_SELECT} {_THESE}"
_TAKE_OUT: Final = f"DELETE FROM payments {_THESE}"  # noqa: S608 - as above


@frozen(kw_only=True)
class Ending:
    """A payment as it stands at an end, what is told of it and what is booked.

    ``was`` is how it has to be stored, None for live; ``after`` where its reservations go.
    """

    row: PaymentRow
    was: State | None
    after: Phase | None
    facts: Sequence[EventRow]
    entries: Sequence[tuple[EventRow, Sequence[LineRow]]]


def claim(
    sql: sqlite3.Connection, row: PaymentRow, payment: Payment
) -> PaymentRow | Reservation | None:
    """Give what stands in the way of a claim, or write it."""
    by_key, by_signature = (row.chain, row.key), (row.chain, row.signature)
    first = _rows(sql, _FIRST, *by_key * 2, *by_signature * 2)
    if first:
        return first[0]
    known = totals(sql, keys_of(payment))
    refused = first_refused(payment, known)
    if refused is None:
        sql.execute(_INSERT, _VALUES(row))
        add(sql, changes(payment, None, Phase.LIVE), known)
    return refused


def end(sql: sqlite3.Connection, ending: Ending, codec: Codec) -> bool:
    """Write an end, and all that belongs to it, if the payment is ours and as it was."""
    before = rewrite(sql, ending.row, ending.was)
    if before is None:
        return False
    reserved = codec.reservations(before)
    add(sql, moved(Chain(before.chain), reserved, phase_of(State(before.state)), ending.after))
    append(sql, ending.facts)
    for fact, lines in ending.entries:
        enter(sql, fact, lines)
    return True


def rewrite(sql: sqlite3.Connection, row: PaymentRow, was: State | None) -> PaymentRow | None:
    """Put a row in the place of one that it owns, live or as it ``was``, and give that one."""
    names = row.chain, row.key, row.tenant, row.owner
    ours = _rows(sql, _OURS, *names) if was is None else _rows(sql, _OURS_AS, *names, was)
    if not ours:
        return None
    try:
        _change(sql, ours[0], row)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode in _TAKEN:
            raise Declined(Code.SIGNATURE_REUSED) from error
        raise
    return ours[0]


def renew(sql: sqlite3.Connection, owner: str, keys: Sequence[str], until: int) -> int:
    """Extend the leases that this owner still holds, and tell how many."""
    return sql.execute(_RENEW, (until, owner, orjson.dumps(keys).decode())).rowcount


def take(
    sql: sqlite3.Connection, statement: str, owner: str, now: int, until: int, limit: int
) -> Sequence[PaymentRow]:
    """Make payments ours whose lease ended before ``now``."""
    found = _rows(sql, statement, now, limit)
    sql.executemany(_TAKE, ((owner, until, row.chain, row.key) for row in found))
    return [evolve(row, owner=owner, lease_until=until) for row in found]


def first(sql: sqlite3.Connection, statements: Sequence[str], *values: object) -> PaymentRow | None:
    """Give the first that one of the statements finds.

    A payment that is archived between two of them is found by the first or by the second.
    """
    for statement in statements:
        for row in _rows(sql, statement, *values):
            return row
    return None


def newest(
    sql: sqlite3.Connection, statement: str, names: Sequence[str], before: int | None, limit: int
) -> Sequence[PaymentRow]:
    """Give payments, newest first, created before that time."""
    return _rows(sql, statement, *names, _FAR_FUTURE if before is None else before, limit)


def of_payer(
    sql: sqlite3.Connection, tenant: str, payer: str, after: Payment | None, limit: int
) -> Sequence[PaymentRow]:
    """Give settled payments of a payer, newest first, that come after one."""
    end = (_FAR_FUTURE, "", "")
    if after is not None:
        end = (micros(after.created_at), after.chain, after.key)
    return _rows(sql, OF_PAYER, tenant, payer, *end, limit)


def archive(sql: sqlite3.Connection, before: int, limit: int) -> int:
    """Move payments that are over to the archive, and tell how many."""
    over = [number for (number,) in sql.execute(_OVER, (before, limit))]
    these = (orjson.dumps(over).decode(),)
    sql.execute(_PUT_AWAY, these)
    sql.execute(_TAKE_OUT, these)
    return len(over)


def is_live(sql: sqlite3.Connection, chain: str, key: str) -> bool:
    """Tell whether there is a live payment with this key."""
    return sql.execute(_IS_LIVE, (chain, key)).fetchone() is not None


def _change(sql: sqlite3.Connection, old: PaymentRow, new: PaymentRow) -> None:
    """Write the columns that change: what is written is taken out of all its indexes and put in."""
    both = zip(_NAMES, _VALUES(old), _VALUES(new), strict=True)
    changed = {name: becomes for name, was, becomes in both if was != becomes}
    if changed:
        columns = ", ".join(f"{name} = ?" for name in changed)
        statement = f"UPDATE payments SET {columns} {_KEY}"  # noqa: S608 - as above
        sql.execute(statement, (*changed.values(), old.chain, old.key))


def _rows(sql: sqlite3.Connection, statement: str, *values: object) -> list[PaymentRow]:
    return [_row(*row) for row in sql.execute(statement, values)]


def _row(*columns: Any) -> PaymentRow:
    *rest, watched, user_id = columns
    return PaymentRow(*(*rest, bool(watched), user_id))

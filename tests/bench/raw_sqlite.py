"""The statements of a claim and of its end on plain sqlite3, as a store cannot do without them.

One connection, one thread, one transaction and one fsync for each step. Nothing is decided that
SQL does not decide.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import astuple, fields, frozen

from bench.sales import Rows
from tillway.adapters.stores.codec import LineRow, PaymentRow

_NAMES: Final = [column.name for column in fields(PaymentRow)]
_COLUMNS: Final = ", ".join(_NAMES)
_INSERT: Final = f"INSERT INTO payments ({_COLUMNS}) VALUES ({', '.join('?' for _ in _NAMES)})"
_KEY: Final = "WHERE chain = ? AND key = ?"
_FIRST: Final = " UNION ALL ".join(
    f"SELECT {_COLUMNS} FROM {table} WHERE chain = ? AND {column} = ?"
    for table in ("payments", "archive")
    for column in ("key", "signature")
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM payments {_KEY} AND tenant = ? AND owner = ?"
_UPDATE: Final = f"UPDATE payments SET state = ?, body = ?, watched = ?, lease_until = ? {_KEY}"
"""What an end changes: whatever is written is taken out of its indexes and put in again."""

_TOTAL: Final = "SELECT total FROM tallies WHERE tenant = ? AND chain = ? AND name = ?"
_ADD: Final = (
    "INSERT INTO tallies (tenant, chain, name, total) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET total = total + excluded.total"
)
_SWEEP: Final = "DELETE FROM tallies WHERE tenant = ? AND chain = ? AND name = ? AND total = 0"
_EVENT: Final = "INSERT INTO events (tenant, id, type, at, body) VALUES (?, ?, ?, ?, ?)"
_LINE: Final = (
    "INSERT INTO lines (tenant, entry, place, account, at, minor, asset)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_ACCOUNT: Final = (
    "INSERT INTO accounts (tenant, name, asset, total, free) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET total = total + excluded.total, free = free + excluded.free"
)


def connect(path: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open a database as the store does: every commit reaches the disk."""
    connection = sqlite3.connect(path, isolation_level=None, factory=kind, timeout=0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@frozen
class Raw:
    """Writes payments."""

    sql: sqlite3.Connection

    def claim(self, rows: Rows) -> None:
        """Write a claim, and add to the totals."""
        row = rows.claim
        with self._transaction():
            both = (row.chain, row.key, row.chain, row.signature)
            assert not self.sql.execute(_FIRST, (*both, *both)).fetchall()
            for key, _ in rows.taken:
                self.sql.execute(_TOTAL, key).fetchall()
            self.sql.execute(_INSERT, astuple(row))
            self.sql.executemany(_ADD, ((*key, change) for key, change in rows.taken))

    def settle(self, rows: Rows) -> None:
        """Write its end, with the facts and the lines of it."""
        row = rows.ended
        with self._transaction():
            assert self.sql.execute(_SELECT, (row.chain, row.key, row.tenant, row.owner)).fetchall()
            changed = (row.state, row.body, row.watched, row.lease_until)
            self.sql.execute(_UPDATE, (*changed, row.chain, row.key))
            self.sql.executemany(_ADD, ((*key, change) for key, change in rows.freed))
            self.sql.executemany(_SWEEP, (key for key, _ in rows.freed))
            self.sql.executemany(_EVENT, map(astuple, rows.facts))
            self.book(rows)

    def book(self, rows: Rows) -> None:
        """Write lines, and change their accounts."""
        self.sql.executemany(_LINE, map(_columns, rows.lines))
        self.sql.executemany(
            _ACCOUNT,
            ((one.tenant, one.account, one.asset, one.minor, one.minor) for one in rows.lines),
        )

    def commit(self, number: int) -> None:
        """Write one small row, and wait for the disk."""
        with self._transaction():
            self.sql.execute(_ADD, ("raw", "", f"commit {number}", 1))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.sql.execute("BEGIN IMMEDIATE")
        yield
        self.sql.execute("COMMIT")


def _columns(line: LineRow) -> tuple[object, ...]:
    return line.tenant, line.entry, line.place, line.account, line.at, line.minor, line.asset

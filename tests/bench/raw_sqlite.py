"""The statements of a claim and of its end on plain sqlite3, as a store cannot do without them.

One connection, one thread, one transaction and one fsync for each unit.
"""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

_TALLIES: Final = 3
_UPDATE: Final = (
    "UPDATE payments SET state = ?, body = ?, watched = ?, lease_until = ?"
    " WHERE chain = ? AND key = ?"
)
"""What an end changes: whatever is written is taken out of its indexes and put in again."""

_ADD: Final = (
    "INSERT INTO tallies (tenant, chain, name, total) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET total = total + excluded.total"
)
_TOTALS: Final = "SELECT total FROM tallies WHERE tenant = ? AND chain = ? AND name = ?"
_SWEEP: Final = "DELETE FROM tallies WHERE tenant = ? AND chain = ? AND name = ? AND total = 0"
_EVENT: Final = "INSERT INTO events (tenant, id, type, at, body) VALUES (?, ?, ?, ?, ?)"

Key = tuple[str, str, str]


def connect(path: Path) -> sqlite3.Connection:
    """Open a database as the store does: every commit reaches the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@define
class Raw:
    """Writes copies of a payment that the store has written, under other keys."""

    sql: sqlite3.Connection
    _columns: Sequence[str] = field(init=False)
    _row: Sequence[object] = field(init=False)
    _insert: str = field(init=False)
    _select: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Learn the columns and a row of them."""
        found = self.sql.execute("SELECT * FROM payments LIMIT 1")
        self._row = found.fetchone()
        self._columns = [column[0] for column in found.description]
        names, marks = ", ".join(self._columns), ", ".join("?" for _ in self._columns)
        self._insert = f"INSERT INTO payments ({names}) VALUES ({marks})"
        self._select = f"SELECT {names} FROM payments WHERE chain = ? AND key = ?"

    def pay(self, number: int) -> None:
        """Claim and settle one payment."""
        claim, ended = self._as(number, "claimed"), self._as(number, "settled")
        chain, key, tenant, signature = self._named(claim)
        tallies = [(tenant, "", f"raw {number} {each}") for each in range(_TALLIES)]
        self._begin()
        self.sql.execute(self._select, (chain, key)).fetchall()
        self.sql.execute(
            "SELECT 1 FROM payments WHERE chain = ? AND signature = ?", (chain, signature)
        ).fetchall()
        for each in tallies:
            self.sql.execute(_TOTALS, each).fetchall()
        self.sql.execute(self._insert, claim)
        self.sql.executemany(_ADD, ((*each, 1) for each in tallies))
        self.sql.execute("COMMIT")
        self._end(chain, key, tenant, ended, tallies[0], f"evt_{number}")

    def _end(
        self, chain: str, key: str, tenant: str, row: Sequence[object], freed: Key, event: str
    ) -> None:
        self._begin()
        self.sql.execute(self._select, (chain, key)).fetchall()
        values = dict(zip(self._columns, row, strict=True))
        ended = (values[name] for name in ("state", "body", "watched", "lease_until"))
        self.sql.execute(_UPDATE, (*ended, chain, key))
        self.sql.execute(_ADD, (*freed, -1))
        self.sql.execute(_SWEEP, freed)
        self.sql.execute(_EVENT, (tenant, event, "payment.succeeded", 1, json.dumps({"a": 1})))
        self.sql.execute("COMMIT")

    def commits(self, number: int) -> None:
        """Write two small rows, and wait for the disk after each."""
        for each in range(2):
            self._begin()
            self.sql.execute(_ADD, ("raw", "", f"commit {number} {each}", 1))
            self.sql.execute("COMMIT")

    def _begin(self) -> None:
        self.sql.execute("BEGIN IMMEDIATE")

    def _as(self, number: int, state: str) -> Sequence[object]:
        changed = {"key": f"{number:064x}", "signature": f"raw-{number}", "state": state}
        return [changed.get(name, old) for name, old in zip(self._columns, self._row, strict=True)]

    def _named(self, row: Sequence[object]) -> tuple[str, str, str, str]:
        values = dict(zip(self._columns, row, strict=True))
        chain, key, tenant, signature = (
            str(values[name]) for name in ("chain", "key", "tenant", "signature")
        )
        return chain, key, tenant, signature

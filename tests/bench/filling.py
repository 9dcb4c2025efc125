"""Many stored payments at once, by copying one that the store has written.

Each is over: it has its row, the total of its quote, two facts with their places, and two lines.
Their keys are hashes of their numbers, so that they lie anywhere in the indexes. The first
few are live and were left by a process that is gone.
"""

import sqlite3
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from support.postgres import Databases
from tillway.core.payments import PaymentKey

LEFT: Final = 20
"""How many are live, and anybody's to take over."""

_STATE: Final = f"CASE WHEN n <= {LEFT} THEN 'claimed' ELSE 'settled' END"

# What is read of it says how much there is: {0}. {1} is the key of what is copied.
_POSTGRES: Final = (
    "INSERT INTO tillway_payments (chain, key, tenant, signature, state, owner, lease_until,"
    " created_at, signed, body, shares, watched, user_id)"
    " SELECT chain, encode(sha256(n::text::bytea), 'hex'), tenant, 'filled-' || n,"
    f" {_STATE}, owner, lease_until - n * interval '1 second',"
    " created_at - n * interval '1 second', signed, body, shares, false, 'user-' || n % 500"
    " FROM tillway_payments AS one, generate_series(1, {0}) AS n WHERE one.key = '{1}'",
    "INSERT INTO tillway_tallies SELECT 'default', '', 'filled:' || n, 1"
    " FROM generate_series(1, {0}) AS n",
    "INSERT INTO tillway_events (tenant, id, type, at, body, position, number, seal)"
    " SELECT tenant, type || ' ' || n, type, at - n * interval '1 second', body,"
    " number + 2 * n, number + 2 * n, seal"
    " FROM tillway_events AS one, generate_series(1, {0}) AS n",
    "INSERT INTO tillway_lines (tenant, account, at, entry, place, minor, asset)"
    " SELECT tenant, account, at - n * interval '1 second', 'filled ' || n, place, minor, asset"
    " FROM tillway_lines AS one, generate_series(1, {0}) AS n",
    "VACUUM ANALYZE",
    "CHECKPOINT",
)
_NUMBERS: Final = (
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {0})"
)
_SQLITE: Final = (
    "BEGIN IMMEDIATE",
    "INSERT INTO payments (chain, key, tenant, signature, state, owner, lease_until, created_at,"
    f" signed, body, watched, user_id) {_NUMBERS}"
    f" SELECT chain, hashed(n), tenant, 'filled-' || n, {_STATE}, owner,"
    " lease_until - n * 1000000, created_at - n * 1000000, signed, body, 0, 'user-' || n % 500"
    " FROM payments, numbers WHERE key = '{1}'",
    f"INSERT INTO tallies {_NUMBERS} SELECT 'default', '', 'filled:' || n, 1 FROM numbers",
    "INSERT INTO events (tenant, id, type, at, body, position, number, seal)"
    f" {_NUMBERS} SELECT tenant, type || ' ' || n, type, at - n * 1000000, body,"
    " number + 2 * n, number + 2 * n, seal FROM events, numbers",
    "INSERT INTO lines (tenant, account, at, entry, place, minor, asset)"
    f" {_NUMBERS} SELECT tenant, account, at - n * 1000000, 'filled ' || n, place, minor, asset"
    " FROM lines, numbers",
    "COMMIT",
    "PRAGMA wal_checkpoint(TRUNCATE)",
)


def key_at(number: int) -> PaymentKey:
    """Give the key of a payment that was filled in."""
    return PaymentKey(sha256(f"{number}".encode()).hexdigest())


def read_through(files: Iterable[Path]) -> None:
    """Read files, so that what is measured is the store and not a disk that was not read yet."""
    for file in files:
        with file.open("rb") as opened:
            while opened.read(1 << 24):
                pass


async def fill_postgres(databases: Databases, name: str, copied: PaymentKey, count: int) -> None:
    """Copy the one payment that a database has."""
    commands = [command.format(count, copied) for command in _POSTGRES]
    await databases.sql(*commands, database=name)


def fill_sqlite(path: Path, copied: PaymentKey, count: int) -> None:
    """Copy the one payment that a file has."""
    sql = sqlite3.connect(path, isolation_level=None)
    try:
        sql.create_function("hashed", 1, key_at, deterministic=True)
        sql.execute("PRAGMA cache_size = -200000")
        for command in _SQLITE:
            sql.execute(command.format(count, copied))
    finally:
        sql.close()

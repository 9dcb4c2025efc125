"""How stores find what grows: the plans of their statements, as the database tells them."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import asyncpg

from tillway.adapters.stores.sqlite import claims

_ROWS: Final = "SELECT * FROM tillway_payments WHERE"
_LIVE: Final = "state IN ('claimed', 'unresolved')"
_BY_TENANT: Final = "tenant IS NOT DISTINCT FROM 'default'"

_POSTGRES: Final[Mapping[str, Sequence[str]]] = {
    "pay": (
        f"{_ROWS} key = 'a' AND chain = 'b' AND {_BY_TENANT} AND owner = 'c' AND {_LIVE}",
        "SELECT total FROM tillway_tallies WHERE name = 'a' AND tenant = 'b' AND chain = ''",
        "SELECT FROM tillway_archive WHERE signature = 'a' AND chain = 'b'",
    ),
    "find": (f"{_ROWS} key = 'a' AND chain = 'b'",),
    "by_signature": (
        f"{_ROWS} signature = 'a' AND {_BY_TENANT} ORDER BY created_at DESC, chain DESC LIMIT 1",
    ),
    "newest": (
        f"{_ROWS} tenant = 'default' AND created_at < 'infinity'"
        " ORDER BY created_at DESC, chain DESC, key DESC LIMIT 20",
    ),
    "take_over": (
        f"{_ROWS} lease_until < now() AND {_LIVE}"
        " ORDER BY lease_until, created_at, chain, key LIMIT 10 FOR UPDATE SKIP LOCKED",
    ),
    "seal": (
        "SELECT * FROM tillway_events WHERE position IS NULL ORDER BY at, tenant, id LIMIT 256",
        "SELECT max(position) FROM tillway_events WHERE position IS NOT NULL",
        "SELECT * FROM tillway_events WHERE tenant = 'default' AND number IS NOT NULL"
        " ORDER BY number DESC LIMIT 1",
        "SELECT account FROM tillway_unfolded WHERE tenant = 'default' ORDER BY account LIMIT 5000",
    ),
}
_SQLITE: Final[Mapping[str, Sequence[str]]] = {
    "pay": (
        claims.FOUND[0],
        "SELECT total FROM tallies WHERE tenant = ? AND chain = ? AND name = ?",
    ),
    "find": claims.FOUND,
    "by_signature": claims.SIGNED,
    "newest": (claims.NEWEST,),
    "take_over": (claims.IDLE,),
    "seal": (
        "SELECT id FROM events WHERE position IS NULL ORDER BY at, tenant, id LIMIT ?",
        "SELECT id FROM events WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1",
        "SELECT id FROM events WHERE tenant = ? AND number IS NOT NULL"
        " ORDER BY number DESC LIMIT 1",
    ),
}


async def postgres_plans(url: str, what: str) -> Sequence[str]:
    """Give the plans of what a call does, as the application's user has them."""
    sql = await asyncpg.connect(url, server_settings={"tillway.tenant": "default"})
    try:
        found = [await sql.fetch(f"EXPLAIN (COSTS OFF) {each}") for each in _POSTGRES[what]]
    finally:
        await sql.close()
    return ["; ".join(line.strip() for (line,) in rows) for rows in found]


def sqlite_plans(path: Path, what: str) -> Sequence[str]:
    """Give the plans of what a call does."""
    sql = sqlite3.connect(path)
    try:
        found = [
            sql.execute(f"EXPLAIN QUERY PLAN {each}", [None] * each.count("?")).fetchall()
            for each in _SQLITE[what]
        ]
    finally:
        sql.close()
    return ["; ".join(line for *_, line in rows) for rows in found]

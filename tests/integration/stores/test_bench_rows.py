"""What benchmarks compare writes the same rows, to the last column."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from bench import raw_sqlite
from bench.sales import Rows, Sale
from bench.store import steps_of
from support.postgres import SUPERUSER, Databases
from tillway.adapters.stores.sqlite import SqliteStore

_SALES: Final = [Sale.of("one"), Sale.of("other")]
_TABLES: Final = ("payments", "tallies", "events", "lines", "accounts")
_POSTGRES: Final = ("payments", "tallies", "events", "lines", "unfolded", "accounts")

Written = Mapping[str, Sequence[str]]


async def _sold(store: Any) -> None:
    await store.start()
    for sale in _SALES:
        for step in steps_of(store):
            await step(sale)
    await store.aclose()


class TestSqlite3:
    async def test_plain_sqlite3_writes_what_the_store_writes(self, tmp_path: Path) -> None:
        """Two payments of one sponsor, in two files."""
        ours, plain = tmp_path / "ours.db", tmp_path / "plain.db"
        await _sold(SqliteStore(ours))
        store = SqliteStore(plain)
        await store.start()
        await store.aclose()
        sql = raw_sqlite.connect(plain)
        raw = raw_sqlite.Raw(sql)
        for sale in _SALES:
            raw.claim(Rows.of(sale))
            raw.settle(Rows.of(sale))
        sql.close()
        assert _in_file(plain) == _in_file(ours)


class TestAsyncpg:
    @pytest.mark.parametrize("way", ["by functions", "by hand"])
    async def test_plain_asyncpg_writes_what_the_store_writes(
        self, postgres: Databases, way: str
    ) -> None:
        """By the store's functions, and by statements without them."""
        from bench.raw_asyncpg import Prepared, Raw, pooled
        from tillway.adapters.stores.postgres import PostgresStore

        ours, plain = await postgres.fresh(), await postgres.fresh()
        await _sold(PostgresStore(postgres.server.url(ours)))
        async with pooled(postgres.server.url(plain, SUPERUSER).reveal(), 2) as pool:
            raw = Raw(pool)
            hand = way == "by hand"
            steps = [raw.claim, raw.settle] if hand else [raw.call_claim, raw.call_settle]
            for sale in _SALES:
                for step in steps:
                    await step(Prepared.of(Rows.of(sale)))
        assert await _in_database(postgres, plain) == await _in_database(postgres, ours)


def _in_file(path: Path) -> Written:
    sql = sqlite3.connect(path)
    try:
        return {
            table: sorted(map(repr, sql.execute(f"SELECT * FROM {table}"))) for table in _TABLES
        }
    finally:
        sql.close()


async def _in_database(postgres: Databases, name: str) -> Written:
    return {
        table: sorted(
            map(repr, await postgres.rows(f"SELECT * FROM tillway_{table}", database=name))
        )
        for table in _POSTGRES
    }

"""From the second version's schema to this one, with what was written then."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from attrs import evolve

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.adapters.stores.sqlite.schema import migrations
from tillway.core.contracts.samples import (
    NOW,
    entry,
    event,
    key_of,
    payment,
    product,
    settled,
)
from tillway.core.events import LEDGER_ENTRY
from tillway.core.payments import Payment
from tillway.core.ports.store import Posted, Taken
from tillway.core.tenancy import DEFAULT

_COLUMNS = "chain, key, tenant, signature, state, owner, lease_until, created_at, signed, body"
_INSERT = f"INSERT INTO payments ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _write(sql: sqlite3.Connection, payment: Payment) -> None:
    """Write a payment as the second version did, with its user's id in the body only."""
    row = Codec().payment_row(payment)
    values = (row.chain, row.key, row.tenant, row.signature, row.state, row.owner)
    sql.execute(_INSERT, (*values, row.lease_until, row.created_at, row.signed, row.body))


def _second_version(database: Path) -> None:
    """Make a database as the second schema left it, with something in every table."""
    sql = sqlite3.connect(database)
    for script in migrations()[:2]:
        sql.executescript(script)
    _write(sql, settled(payment("sold")))
    _write(sql, payment("nobody's", user_id=None))
    sql.execute("INSERT INTO tallies VALUES ('default', '', 'stock', 3)")
    for name in ("sold", "told"):
        row = Codec().event_row(event(name))
        values = (row.tenant, row.id, row.type, row.at, row.body)
        sql.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", values)
    body = Codec().product_text(product())
    sql.execute("INSERT INTO products VALUES ('default', ?, ?)", (product().id, body))
    sql.execute("PRAGMA journal_mode = WAL")
    sql.executescript("PRAGMA application_id = 0x54696C6C; PRAGMA user_version = 2;")
    sql.commit()
    sql.close()


async def _opened(database: Path) -> SqliteStore:
    store = SqliteStore(database)
    await store.start()
    return store


class TestTheSecondVersion:
    async def test_what_was_written_then_is_read_now(self, tmp_path: Path) -> None:
        """Payments with their users, facts that wait for a place, totals and products."""
        _second_version(tmp_path / "old.db")
        store = await _opened(tmp_path / "old.db")
        sold, nobodys = settled(payment("sold")), payment("nobody's", user_id=None)
        async with store.view() as view:
            assert await view.payments.find(sold.chain, sold.key) == sold
            assert await view.payments.find(nobodys.chain, nobodys.key) == nobodys
            assert await view.payments.newest(DEFAULT, 5, user_id="user-1") == [sold]
            assert await view.payments.of_payer(DEFAULT, sold.payer, 5) == [sold]
            told = await view.events.newest(DEFAULT, 5)
            assert sorted(one.id for one in told) == sorted([event("sold").id, event("told").id])
            assert len(await view.events.unsealed(5)) == 2
            assert await view.events.last() is None
            assert await view.tallies.totals(DEFAULT, ["stock"]) == {"stock": 3}
            assert await view.products.get(DEFAULT, product().id) == product()
        await store.aclose()

    async def test_what_was_written_then_goes_on_now(self, tmp_path: Path) -> None:
        """It is settled with entries, and archived."""
        _second_version(tmp_path / "old.db")
        store = await _opened(tmp_path / "old.db")
        claim = payment("nobody's", user_id=None)
        async with store.begin() as unit:
            assert await unit.payments.settle(settled(claim), [], [entry("sold")])
        async with store.begin() as unit:
            assert await unit.payments.archive(evolve(claim, created_at=NOW).lease_until, 5) == 2
            assert await unit.ledger.post(entry("more")) == Posted()
        async with store.view() as view:
            assert len(await view.payments.archived(DEFAULT, 5)) == 2
            waiting = await view.events.unsealed(9)
            assert [one.type for one in waiting].count(LEDGER_ENTRY) == 2
        await store.aclose()

    async def test_stores_that_start_at_once_migrate_once(self, tmp_path: Path) -> None:
        """Whoever comes second finds the work done."""
        _second_version(tmp_path / "old.db")
        stores = [SqliteStore(tmp_path / "old.db") for _ in range(6)]
        await asyncio.gather(*(store.start() for store in stores))
        async with stores[0].view(once=True) as view:
            assert len(await view.payments.newest(DEFAULT, 5)) == 2
        await asyncio.gather(*(store.aclose() for store in stores))


class TestBesideTheSecondVersion:
    """A process of the version before goes on while the schema is new already."""

    async def test_its_payments_have_their_users(self, tmp_path: Path) -> None:
        """It writes them into the body; this version finds them in their column."""
        _second_version(tmp_path / "old.db")
        store = await _opened(tmp_path / "old.db")
        with sqlite3.connect(store.path) as old:
            _write(old, payment("late", user_id="user-9"))
        old.close()
        async with store.view() as view:
            late = payment("late", user_id="user-9")
            assert await view.payments.find(late.chain, late.key) == late
            assert await view.payments.newest(DEFAULT, 5, user_id="user-9") == [late]
        async with store.begin(once=True) as unit:
            assert isinstance(await unit.payments.claim(late), Taken)
        await store.aclose()

    async def test_what_it_settles_is_its_payers(self, tmp_path: Path) -> None:
        """Who has paid is read from the body, whoever wrote it."""
        _second_version(tmp_path / "old.db")
        store = await _opened(tmp_path / "old.db")
        late = settled(payment("late", payer="wallet-of-late"))
        with sqlite3.connect(store.path) as old:
            _write(old, late)
        old.close()
        async with store.view() as view:
            assert await view.payments.of_payer(DEFAULT, "wallet-of-late", 5) == [late]
        await store.aclose()

    async def test_its_facts_wait_for_a_place(self, tmp_path: Path) -> None:
        """What it tells is sealed with the rest."""
        _second_version(tmp_path / "old.db")
        store = await _opened(tmp_path / "old.db")
        row = Codec().event_row(event("late"))
        with sqlite3.connect(store.path) as old:
            old.execute(
                "INSERT INTO events (tenant, id, type, at, body) VALUES (?, ?, ?, ?, ?)",
                (row.tenant, row.id, row.type, row.at, row.body),
            )
        old.close()
        async with store.view(once=True) as view:
            assert event("late").id in [one.id for one in await view.events.unsealed(5)]
        await store.aclose()

    async def test_what_this_version_writes_it_can_end(self, tmp_path: Path) -> None:
        """It keeps the columns that it does not know."""
        store = await _opened(tmp_path / "new.db")
        one = payment("new", user_id="user-9")
        async with store.begin(once=True) as unit:
            await unit.payments.claim(one)
        row = Codec().payment_row(settled(one))
        with sqlite3.connect(store.path) as old:
            old.execute(
                f"UPDATE payments SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE key = ?",
                (
                    row.chain,
                    row.key,
                    row.tenant,
                    row.signature,
                    row.state,
                    row.owner,
                    row.lease_until,
                    row.created_at,
                    row.signed,
                    row.body,
                    key_of("new"),
                ),
            )
        old.close()
        async with store.view(once=True) as view:
            assert await view.payments.find(one.chain, one.key) == settled(one)
        await store.aclose()


class TestInterrupted:
    @pytest.mark.parametrize("steps", range(2, len(migrations())))
    async def test_any_step_may_be_the_last_before_a_crash(
        self, tmp_path: Path, steps: int
    ) -> None:
        """The next start takes the rest, and ends in the same schema."""
        for name in ("old.db", "new.db"):
            _second_version(tmp_path / name)
        sql = sqlite3.connect(tmp_path / "old.db")
        for script in migrations()[2:steps]:
            sql.executescript(script)
        sql.executescript(f"PRAGMA user_version = {steps};")
        sql.close()
        schemas = []
        for name in ("old.db", "new.db"):
            store = await _opened(tmp_path / name)
            await store.aclose()
            sql = sqlite3.connect(store.path)
            schemas.append(sql.execute("SELECT name, sql FROM sqlite_schema ORDER BY 1").fetchall())
            sql.close()
        assert schemas[0] == schemas[1]

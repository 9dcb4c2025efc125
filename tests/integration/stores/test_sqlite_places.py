import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.adapters.stores.sqlite.schema import migrations
from tillway.core.contracts.samples import NOW, event, payment, product, reservation
from tillway.core.contracts.stores.steps import claim, find, total
from tillway.core.errors import Unavailable
from tillway.core.payments import State
from tillway.core.ports.store import Claimed, Taken
from tillway.core.tenancy import DEFAULT

_APPLICATION = 0x54696C6C


def _script(database: Path, *statements: str) -> None:
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.executescript(statement)
    connection.close()


def _schema(database: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database)
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    ).fetchall()
    version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return [*rows, version]


async def _with_room(database: Path, room: int) -> SqliteStore:
    """Make a store in which there is so much room, in bytes, beyond what an empty one takes."""
    await (await _opened(database)).aclose()
    store = SqliteStore(database, most_bytes=_size(database) + room)
    await store.start()
    return store


def _size(database: Path) -> int:
    return database.stat().st_size


async def _opened(database: Path) -> SqliteStore:
    store = SqliteStore(database)
    await store.start()
    return store


def _first_version(database: Path) -> None:
    """Make a database as the first schema left it, with one payment in it."""
    body = (
        '{"purchase":{"tenant":"default","purpose":"purchase","resource":"article"},'
        '"asked":{"request":"r","address":"192.0.2.1"},"rail":"x402","method":"x402",'
        '"amount":{"minor":5,"asset":"USDC","decimals":6,"kind":"spl","program":"spl-token"},'
        '"payer":"payer-wallet","pay_to":"shop","quote_id":null,"coupons":[],'
        '"last_valid_height":1,"seen_height":1,"seen_slot":1,"reservations":['
        '{"name":"stock","amount":1,"limit":1,"counts":["live","settled"],"tenant":"default"}]}'
    )
    row = f"""
        INSERT INTO payments VALUES ('{payment("old").chain}', '{payment("old").key}', 'default',
        'signature-old', 'claimed', 'process-a', 1, 1767323045678901, x'00ff', '{body}');
        INSERT INTO tallies VALUES ('default', '', 'stock', 1);
    """
    marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = 1;"
    _script(database, "PRAGMA journal_mode = WAL;", migrations()[0], row, marks)


class TestMigrations:
    async def test_the_first_versions_database_opens_in_this_one(self, tmp_path: Path) -> None:
        """What was written then is read, ended and added to now."""
        _first_version(tmp_path / "old.db")
        store = await _opened(tmp_path / "old.db")
        known = await find(store, payment("old"))
        assert known is not None
        assert (known.state, known.created_at, known.signed) == (State.CLAIMED, NOW, b"\x00\xff")
        async with store.begin() as unit:
            assert await unit.payments.settle(known.settled(NOW, 7, {"success": True}))
            await unit.products.put(DEFAULT, product(), NOW)
        assert await total(store, "stock") == 1
        async with store.view() as view:
            assert await view.products.get(DEFAULT, product().id) == product()
        await store.aclose()

    async def test_old_and_new_databases_end_in_one_schema(self, tmp_path: Path) -> None:
        """Migrating from any version gives what a fresh start gives."""
        _first_version(tmp_path / "old.db")
        for name in ("old.db", "new.db"):
            await (await _opened(tmp_path / name)).aclose()
        assert _schema(tmp_path / "old.db") == _schema(tmp_path / "new.db")
        assert _schema(tmp_path / "new.db")[-1] == (len(migrations()),)

    async def test_an_interrupted_migration_leaves_the_old_schema(self, tmp_path: Path) -> None:
        """Steps are applied together or not at all, and again at the next start."""
        database = tmp_path / "old.db"
        _first_version(database)
        _script(database, "CREATE TABLE coupons (in_the_way INTEGER)")
        before = _schema(database)
        with pytest.raises(Unavailable, match=r"old\.db"):
            await _opened(database)
        assert _schema(database) == before
        _script(database, "DROP TABLE coupons")
        await (await _opened(database)).aclose()

    async def test_stores_that_start_at_once_migrate_once(self, tmp_path: Path) -> None:
        """Whoever comes second finds the work done."""
        _first_version(tmp_path / "old.db")
        stores = [SqliteStore(tmp_path / "old.db") for _ in range(8)]
        await asyncio.gather(*(store.start() for store in stores))
        results = await asyncio.gather(*(claim(store, payment("a")) for store in stores))
        assert results.count(Claimed()) == 1
        assert results.count(Taken(payment=payment("a"))) == 7
        await asyncio.gather(*(store.aclose() for store in stores))


class TestPlacesThatCannotBeUsed:
    async def _refused(self, database: Path, reason: str) -> None:
        with pytest.raises(Unavailable) as refused:
            await SqliteStore(database, patience=0.5).start()
        text = refused.value.message
        assert reason in text
        assert database.name in text
        assert "\n" not in text

    async def test_a_newer_schema_is_refused(self, tmp_path: Path) -> None:
        """An older program does not touch what it does not understand."""
        database = tmp_path / "tillway.db"
        await (await _opened(database)).aclose()
        _script(database, f"PRAGMA user_version = {len(migrations()) + 1}")
        await self._refused(database, f"newer version of Tillway (schema {len(migrations()) + 1})")

    async def test_another_programs_database_is_refused(self, tmp_path: Path) -> None:
        """A wrong path harms nobody's data."""
        _script(tmp_path / "other.db", "CREATE TABLE theirs (id INTEGER)")
        before = _schema(tmp_path / "other.db")
        await self._refused(tmp_path / "other.db", "another program's")
        assert _schema(tmp_path / "other.db") == before

    async def test_what_is_no_database_is_refused(self, tmp_path: Path) -> None:
        """A file of another kind is left as it is."""
        (tmp_path / "notes.txt").write_text("nothing of the kind\n" * 100)
        await self._refused(tmp_path / "notes.txt", "is not an SQLite database")
        assert (tmp_path / "notes.txt").read_text().startswith("nothing of the kind\n")

    async def test_a_damaged_database_is_refused(self, tmp_path: Path) -> None:
        """A schema that cannot be read is named as damage."""
        database = tmp_path / "tillway.db"
        await (await _opened(database)).aclose()
        with database.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 2000)
        await self._refused(database, "is damaged")

    async def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        """A path that is no file, or goes through one, cannot be opened."""
        await self._refused(tmp_path, "Is a directory")
        (tmp_path / "file").touch()
        await self._refused(tmp_path / "file" / "tillway.db", "cannot be opened")

    def test_a_read_only_folder_is_refused(self, tmp_path: Path) -> None:
        """Whether new or there already, a database that cannot be written to is no store."""
        script = Path(__file__).parents[2] / "support" / "store_read_only.py"
        command = [sys.executable, str(script)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.stderr == ""
        assert [line.split(": ")[0] for line in ended.stdout.splitlines()] == ["new", "known"]
        assert "cannot be opened (Permission denied)" in ended.stdout.splitlines()[0]
        assert "The store" in ended.stdout.splitlines()[1]


class TestFullDisk:
    async def test_what_does_not_fit_is_refused_whole(self, tmp_path: Path) -> None:
        """Units that meet a full disk write nothing; what was acknowledged before stays."""
        store = await _with_room(tmp_path / "tillway.db", 200_000)
        acknowledged = []
        with pytest.raises(Unavailable, match="is full"):  # noqa: PT012 - it fills on the way
            for n in range(1000):
                large = payment(str(n), signed=os.urandom(10_000))
                await claim(store, large)
                acknowledged.append(large)
        assert len(acknowledged) > 5
        refused = str(len(acknowledged))
        assert await find(store, payment(refused)) is None
        assert [await find(store, each) for each in acknowledged] == acknowledged
        await store.aclose()

    async def test_units_that_share_the_transaction_are_not_acknowledged(
        self, tmp_path: Path
    ) -> None:
        """At once, each unit is either acknowledged and written whole, or neither."""
        store = await _with_room(tmp_path / "tillway.db", 200_000)

        async def write(n: int) -> None:
            async with store.begin() as unit:
                share = (reservation("taken", 1, None),)
                large = payment(str(n), signed=os.urandom(9_000), reservations=share)
                await unit.payments.claim(large)
                await unit.events.append(event(str(n)))

        amount = 100
        outcomes = await asyncio.gather(*map(write, range(amount)), return_exceptions=True)
        assert {type(each) for each in outcomes} == {type(None), Unavailable}
        written = 0
        async with store.view() as view:
            told = {one.id for one in await view.events.newest(DEFAULT, amount)}
        for n, outcome in enumerate(outcomes):
            found = await find(store, payment(str(n))) is not None
            assert found == (outcome is None) == (event(str(n)).id in told)
            written += found
        assert await total(store, "taken") == written
        await store.aclose()

    async def test_a_store_that_was_full_works_again(self, tmp_path: Path) -> None:
        """With room made, the next start writes."""
        store = await _with_room(tmp_path / "tillway.db", 100_000)
        huge = payment("huge", signed=os.urandom(200_000))
        for _ in range(2):
            with pytest.raises(Unavailable, match="is full"):
                await claim(store, huge)
        assert await claim(store, payment("small")) == Claimed()
        await store.aclose()
        store = await _opened(tmp_path / "tillway.db")
        assert await claim(store, huge) == Claimed()
        await store.aclose()

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from support.store_processes import begin, lines, ready, started
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import event, key_of, payment
from tillway.core.contracts.stores.steps import claim, count, find, total
from tillway.core.errors import Unavailable
from tillway.core.payments import State
from tillway.core.ports.store import Claimed
from tillway.core.tenancy import DEFAULT


async def _opened(database: Path) -> SqliteStore:
    store = SqliteStore(database)
    await store.start()
    return store


def _sound(database: Path) -> bool:
    connection = sqlite3.connect(database)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


class TestSeveralProcesses:
    async def test_of_claims_in_several_processes_one_wins(self, tmp_path: Path) -> None:
        """Processes that start and claim at once share the names without overlap."""
        database, rounds, crowd = tmp_path / "new" / "tillway.db", count(40, 1000), count(2, 4)
        async with AsyncExitStack() as running:
            children = [
                await running.enter_async_context(started("race", database, f"p{n}", rounds))
                for n in range(crowd)
            ]
            for child in children:
                await ready(child)
            for child in children:
                await begin(child)
            won = await asyncio.gather(*(lines(child) for child in children))
        assert sorted(int(n) for each in won for n in each) == list(range(rounds))
        store = await _opened(database)
        assert await total(store, "raced") == rounds
        for who, each in enumerate(won):
            for n in each[:10]:
                claimed = await find(store, payment(f"race-{n}"))
                assert claimed is not None
                assert claimed.owner == f"p{who}"
        await store.aclose()

    async def test_what_was_acknowledged_survives_a_kill(self, tmp_path: Path) -> None:
        """Killed at a random point, a process leaves everything that it has acknowledged."""
        database, acknowledged = tmp_path / "tillway.db", set[str]()
        for n in range(count(4, 100)):
            async with started("work", database, f"life-{n}", 100_000) as child:
                await ready(child)
                await begin(child)
                await asyncio.sleep(random.uniform(0.01, 0.3))
                child.kill()
                acknowledged.update(await lines(child))
        assert len(acknowledged) > 10
        assert _sound(database)
        store = await _opened(database)
        await self._check(store, acknowledged)
        await store.aclose()

    async def _check(self, store: SqliteStore, acknowledged: set[str]) -> None:
        async with store.view() as view:
            kept = {one.key: one for one in await view.payments.newest(DEFAULT, 10**6)}
            told = {one.id for one in await view.events.newest(DEFAULT, 10**6)}
        for line in acknowledged:
            verb, name = line.split()
            stored = kept[key_of(name)]
            assert verb == "claimed" or stored.state is State.SETTLED
            assert (stored.state is State.SETTLED) == (event(name).id in told)
        assert await total(store, "worked") == len(kept)
        assert len(told) == sum(one.state is State.SETTLED for one in kept.values())

    async def test_a_process_that_is_kept_waiting_says_so(self, tmp_path: Path) -> None:
        """While another program holds the file, readers read, and writers are told to wait."""
        store = SqliteStore(tmp_path / "tillway.db", patience=0.4)
        await store.start()
        await claim(store, payment("before"))
        holder = sqlite3.connect(store.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="busy"):
            await claim(store, payment("during"))
        assert await find(store, payment("before")) == payment("before")
        holder.execute("ROLLBACK")
        holder.close()
        assert await claim(store, payment("during")) == Claimed()
        await store.aclose()

    async def test_a_short_wait_is_waited(self, tmp_path: Path) -> None:
        """A writer comes through once the other has finished, and nobody hears of it."""
        store = await _opened(tmp_path / "tillway.db")
        holder = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.ensure_future(claim(store, payment(str(n)))) for n in range(5)]
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in waiting)
        holder.execute("ROLLBACK")
        holder.close()
        assert await asyncio.gather(*waiting) == [Claimed()] * 5
        await store.aclose()

    def test_a_fork_uses_connections_of_its_own(self, tmp_path: Path) -> None:
        """A store that was in use before a fork works on, in parent and child."""
        script = Path(__file__).parents[2] / "support" / "store_fork.py"
        database = tmp_path / "tillway.db"
        command = [sys.executable, str(script), str(database), "50"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.split() == ["parent", "101"]
        assert _sound(database)

    def test_a_new_database_is_its_owners_alone(self, tmp_path: Path) -> None:
        """The file and its journals hold secrets: nobody else may read them."""
        before = os.umask(0)
        try:
            modes = asyncio.run(self._modes(tmp_path / "data" / "tillway.db"))
        finally:
            os.umask(before)
        assert modes == {"tillway.db": 0o600, "tillway.db-wal": 0o600, "tillway.db-shm": 0o600}
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700

    async def _modes(self, database: Path) -> dict[str, int]:
        store = await _opened(database)
        await claim(store, payment("a"))
        modes = {each.name: each.stat().st_mode & 0o777 for each in database.parent.iterdir()}
        await store.aclose()
        return modes

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim, find
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed


async def _opened(database: Path) -> SqliteStore:
    store = SqliteStore(database)
    await store.start()
    return store


class TestSeveralProcesses:
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

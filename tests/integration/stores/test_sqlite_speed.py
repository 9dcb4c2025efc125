import asyncio
import sqlite3
import struct
from pathlib import Path

import pytest

from tillway.adapters.stores.sqlite import SqliteStore, payments
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim

_STATEMENTS = {
    name: text
    for name, text in vars(payments).items()
    if isinstance(text, str) and text.strip().startswith(("SELECT", "UPDATE", "DELETE"))
    if "?" in text
}


def _commits(journal: Path) -> int:
    """Count the frames that end a transaction (https://sqlite.org/fileformat.html#walformat)."""
    raw = journal.read_bytes()
    (page,) = struct.unpack(">I", raw[8:12])
    frames = range(32, len(raw), 24 + page)
    return sum(struct.unpack(">I", raw[at + 4 : at + 8]) != (0,) for at in frames)


class TestSharedCommits:
    async def test_units_at_once_share_commits(self, tmp_path: Path) -> None:
        """Fifty units at a time wait for the disk together, one alone does not wait for more."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        await claim(store, payment("alone"))
        journal = tmp_path / "tillway.db-wal"
        before = _commits(journal)
        gate = asyncio.Semaphore(50)

        async def one(n: int) -> None:
            async with gate:
                await claim(store, payment(str(n)))

        await asyncio.gather(*(one(n) for n in range(200)))
        shared = _commits(journal) - before
        assert 3 <= shared <= 60
        await store.aclose()


class TestQueries:
    @pytest.mark.parametrize("name", sorted(_STATEMENTS))
    async def test_every_query_goes_by_an_index(self, tmp_path: Path, name: str) -> None:
        """No statement reads a whole table or sorts what it reads."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        await store.aclose()
        text = _STATEMENTS[name]
        connection = sqlite3.connect(store.path)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", [0] * text.count("?")).fetchall()
        connection.close()
        steps = [str(step[-1]) for step in plan]
        scans = [each for each in steps if each.startswith("SCAN") and "VIRTUAL" not in each]
        assert not scans, steps
        assert not any("TEMP B-TREE" in each for each in steps), steps

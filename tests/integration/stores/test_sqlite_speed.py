import asyncio
from pathlib import Path

from support.sqlite_journal import commits
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim


class TestSharedCommits:
    async def test_units_at_once_share_commits(self, tmp_path: Path) -> None:
        """Fifty units at a time wait for the disk together, one alone does not wait for more."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        await claim(store, payment("alone"))
        before = commits(store.path)
        gate = asyncio.Semaphore(50)

        async def one(n: int) -> None:
            async with gate:
                await claim(store, payment(str(n)))

        await asyncio.gather(*(one(n) for n in range(200)))
        shared = commits(store.path) - before
        assert 3 <= shared <= 60
        await store.aclose()

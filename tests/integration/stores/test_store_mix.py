"""Processes that do all kinds of things on one store are killed at random moments."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

import pytest

from support.postgres import Databases, databases
from support.store_places import place_at, store_at
from tillway.core.contracts.lives.checks import check
from tillway.core.contracts.lives.processes import Lives
from tillway.core.contracts.stores.steps import count

PROCESSES: Final = 3
KILLS: Final = count(8, 200)
OPERATIONS: Final = count(300, 10_000)


@pytest.fixture(scope="module")
def durable() -> Iterator[Databases]:
    """Give a server of this module's own, which keeps what it acknowledges."""
    with databases(durable=True) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty place as ``store_at`` takes it, on a disk."""
    if request.param == "sqlite":
        return str(tmp_path / "tillway.db")
    made: Databases = request.getfixturevalue("durable")
    return made.server.url(await made.fresh()).reveal()


@pytest.mark.slow
@pytest.mark.timeout(count(240, 3600))
class TestKilled:
    async def test_all_that_was_acknowledged_is_there_once(
        self, place: str, tmp_path: Path
    ) -> None:
        """Payments, carts, refunds, holds, entries and events; the books are sound throughout."""
        store = store_at(place)
        await store.start()  # makes the schema, so that lives are for work
        kept = place_at(place, tmp_path / "named")
        lives = Lives(place=kept, kills=KILLS, operations=OPERATIONS)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.aclose)
            await asyncio.gather(*(lives.lane(f"p{who}") for who in range(PROCESSES)))
            report = await check(store, lives.said)
        late = sorted(lives.starts)[int(len(lives.starts) * 0.95)]
        print(
            f"{len(lives.said)} operations, {len(lives.starts)} kills, {report.facts} facts,"
            f" {report.entries} entries; ready after {late:.2f} s (p95)"
        )
        assert len(lives.starts) >= KILLS
        assert len(lives.said) >= OPERATIONS
        if not place.startswith("postgresql://"):
            with closing(sqlite3.connect(place)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

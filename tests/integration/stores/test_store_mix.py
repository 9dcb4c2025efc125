"""Processes that do all kinds of things on one store are killed at random moments."""

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

import pytest
from attrs import define, field

from support.postgres import Databases, databases
from support.store_mix_check import check
from support.store_places import store_at
from support.store_processes import begin, lines, ready, running
from tillway.core.contracts.stores.steps import count

FULL: Final = os.environ.get("TILLWAY_TESTS") == "full"
PROCESSES: Final = 3
KILLS: Final = count(8, 200)
OPERATIONS: Final = count(300, 10_000)
_LIFE: Final = (0.2, 1.2)


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


@define
class Lives:
    """Lives of processes on one store, each ended by a kill; ``said`` is what they acknowledged."""

    place: str
    left: int = KILLS
    said: list[str] = field(factory=list)
    starts: list[float] = field(factory=list)

    async def lane(self, who: int) -> None:
        """Live one life after the other."""
        while self.left > 0 or len(self.said) < OPERATIONS:
            self.left -= 1
            await self._life(f"p{who}-{self.left}")

    async def _life(self, who: str) -> None:
        begun = time.monotonic()
        module = "support.store_mix"
        async with running(module, self.place, who) as child:
            await ready(child)
            self.starts.append(time.monotonic() - begun)
            await begin(child)
            await asyncio.sleep(random.uniform(*_LIFE))
            child.kill()
            self.said += await lines(child)


@pytest.mark.slow
@pytest.mark.timeout(3600 if FULL else 240)
class TestKilled:
    async def test_all_that_was_acknowledged_is_there_once(self, place: str) -> None:
        """Payments, carts, refunds, holds, entries and events; the books are sound throughout."""
        store = store_at(place)
        await store.start()  # makes the schema, so that lives are for work
        lives = Lives(place)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.aclose)
            await asyncio.gather(*(lives.lane(who) for who in range(PROCESSES)))
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

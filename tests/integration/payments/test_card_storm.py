"""Twenty thousand events at once: shuffled, repeated, stale, and processes that die meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from support.crew import Crew, crew
from support.storm import SETTINGS, Storm, applied, blow, fill, in_order, outcome, storm, told_once
from tillway.core.contracts.stores.steps import count
from tillway.core.secrets import Secret
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure

WHOLE, SOME = 20_000, 250


async def expected(made: Storm) -> Any:
    """Give what comes of the events in their order, each once, in one process."""
    settings = {
        "storage": {"backend": "memory"},
        "logging": {"environment": "development"},
        "paywall": {"resources": {"mug": {"fiat_amount_cents": 1250}}},
        "stripe": dict(SETTINGS),
    }
    gateway = create_app(configure(yaml.safe_dump(settings), {}), background=False)
    await gateway.open()
    try:
        await in_order(gateway, made)
        return await outcome(gateway.store, made)
    finally:
        await gateway.aclose()


async def raw_rate(database: Secret, made: Storm) -> float:
    """Tell how many bodies a second a bare driver inserts, each committed, over 8 connections."""
    pool = await asyncpg.create_pool(database.reveal(), min_size=8, max_size=8)
    bodies = [each.body for each in made.sent[:2_000]]
    try:
        await pool.execute("CREATE TABLE bare (id serial PRIMARY KEY, body bytea)")

        async def insert() -> None:
            while bodies:
                await pool.execute("INSERT INTO bare (body) VALUES ($1)", bodies.pop())

        size, begun = len(bodies), time.monotonic()
        await asyncio.gather(*(insert() for _ in range(8)))
        return size / (time.monotonic() - begun)
    finally:
        await pool.close()


@pytest.fixture
async def two(tmp_path: Path, database: Secret) -> AsyncIterator[Crew]:
    """Give two servers in one database."""
    async with crew(tmp_path, count=2, database=database, stripe=SETTINGS) as made:
        yield made


@pytest.mark.asyncio
class TestStorm:
    """Many events at once."""

    async def test_it_ends_as_in_order(self, tmp_path: Path, database: Secret) -> None:
        """Four processes on PostgreSQL; nothing twice, and nothing answered with a 5xx."""
        made = storm(count(SOME, WHOLE))
        async with crew(tmp_path, workers=4, database=database, stripe=SETTINGS) as servers:
            store = servers.shop.gateway.store
            await fill(store, made.checkouts)
            begun = time.monotonic()
            statuses = await blow([servers.servers[0].address], made.sent)
            rate = len(made.sent) / (time.monotonic() - begun)
            await applied(store, made, count(60, 600))
            found, once = await outcome(store, made), await told_once(store, made)
        stale = sum(each.stale for each in made.sent)
        assert statuses == {200: len(made.sent) - stale, 400: stale}
        assert found == await expected(made)
        assert once
        raw = await raw_rate(database, made)
        print(f"\n{len(made.sent)} events: {rate:.0f}/s, bare inserts: {raw:.0f}/s")

    async def test_processes_may_die_in_it(self, two: Crew) -> None:
        """Killed between receiving and applying, or before: what was answered 200 is applied."""
        made = storm(count(120, 2_000), seed=9)
        store = two.shop.gateway.store
        await fill(store, made.checkouts)
        addresses = [each.address for each in two.servers]

        async def kill() -> None:
            for victim in two.servers:
                await asyncio.sleep(0.15)
                await victim.kill()
                await victim.start()

        statuses, _ = await asyncio.gather(blow(addresses, made.sent), kill())
        assert set(statuses) <= {200, 400}
        await applied(store, made)
        assert await outcome(store, made) == await expected(made)
        assert await told_once(store, made)

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from support.store_places import store_at
from support.store_processes import begin, check, forked, lines, ready, started
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import count, find, total
from tillway.core.ports.store import Store


@asynccontextmanager
async def _opened(place: str) -> AsyncIterator[Store]:
    store = store_at(place)
    await store.start()
    yield store
    await store.aclose()


class TestSeveralProcesses:
    async def test_of_claims_in_several_processes_one_wins(self, place: str) -> None:
        """64 identical claims in four processes at once: each name is claimed once."""
        rounds, crowd = count(25, 1000), 4
        async with AsyncExitStack() as running:
            children = [
                await running.enter_async_context(started("race", place, f"p{n}", rounds))
                for n in range(crowd)
            ]
            for child in children:
                await ready(child)
            for child in children:
                await begin(child)
            won = await asyncio.gather(*(lines(child) for child in children))
        assert sorted(int(n) for each in won for n in each) == list(range(rounds))
        async with _opened(place) as store:
            assert await total(store, "raced") == rounds
            for who, each in enumerate(won):
                for n in each[:10]:
                    claimed = await find(store, payment(f"race-{n}"))
                    assert claimed is not None
                    assert claimed.owner == f"p{who}"

    async def test_what_was_acknowledged_survives_a_kill(self, place: str) -> None:
        """Killed at a random point, a process leaves everything that it has acknowledged."""
        acknowledged, lives = set[str](), count(4, 100)
        for n in range(2 * lives):
            if n >= lives and len(acknowledged) > 10:
                break
            async with started("work", place, f"life-{n}", 100_000) as child:
                await ready(child)
                await begin(child)
                await asyncio.sleep(random.uniform(0.01, 0.3))
                child.kill()
                acknowledged.update(await lines(child))
        assert len(acknowledged) > 10
        async with _opened(place) as store:
            await check(store, acknowledged)

    async def test_a_fork_uses_connections_of_its_own(self, place: str) -> None:
        """A store that was in use before a fork works on, in parent and child."""
        ended = await asyncio.to_thread(forked, place, 50)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.split() == ["parent", "101"]

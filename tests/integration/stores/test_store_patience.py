import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.mongo import Mongo
from support.postgres import Databases
from support.store_places import store_at
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.assets import USDC
from tillway.core.contracts.samples import event, payment, refund, settled
from tillway.core.contracts.stores.steps import claim, count, find
from tillway.core.errors import Unavailable
from tillway.core.money import Money
from tillway.core.ports.store import Claimed, Store
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.tenancy import DEFAULT


@pytest.fixture(params=["memory", "sqlite", "postgres", "mongodb"])
async def hasty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give each store, with little patience and one view at a time."""
    store: Store = MemoryStore(patience=0.2)
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "tillway.db", patience=0.2, readers=1)
    if request.param == "postgres":
        databases: Databases = request.getfixturevalue("postgres")
        url = databases.server.url(await databases.fresh())
        store = store_at(url.reveal(), patience=0.6)
    if request.param == "mongodb":
        mongo: Mongo = request.getfixturevalue("mongo")
        store = store_at(mongo.place(), patience=0.6)
    await store.start()
    yield store
    await store.aclose()


class TestPatience:
    async def test_a_unit_that_lasts_is_given_up(self, hasty: Store) -> None:
        """Whoever waits for something else inside a unit writes nothing and holds nobody up."""
        with pytest.raises(Unavailable, match="busy"):  # noqa: PT012 - the leaving is tested
            async with hasty.begin() as unit:
                await unit.payments.claim(payment("a"))
                await asyncio.sleep(60)
        assert await find(hasty, payment("a")) is None
        assert await claim(hasty, payment("a")) == Claimed()

    async def test_who_waits_too_long_is_told(self, hasty: Store) -> None:
        """A unit waits for its turn as long as patience lasts; the one in turn is not harmed."""
        async with hasty.begin() as unit:
            await unit.payments.claim(payment("first"))
            waiting = asyncio.ensure_future(claim(hasty, payment("second")))
            await asyncio.sleep(0.15)
        assert await waiting == Claimed()
        assert await find(hasty, payment("first")) == payment("first")

    async def test_a_time_out_of_the_callers_own_is_the_callers(self, hasty: Store) -> None:
        """A time-out around a unit is not mistaken for the store's."""
        with pytest.raises(TimeoutError):  # noqa: PT012 - the leaving is tested
            async with asyncio.timeout(0.05), hasty.begin() as unit:
                await unit.payments.claim(payment("a"))
                await asyncio.sleep(60)
        with pytest.raises(TimeoutError):  # noqa: PT012 - raised by the body
            async with hasty.begin() as unit:
                await unit.payments.claim(payment("a"))
                raise TimeoutError
        assert await find(hasty, payment("a")) is None


class TestCancellation:
    async def test_time_outs_anywhere_leave_all_or_nothing(self, tmp_path: Path) -> None:
        """Callers that give up at random moments: whole units only, and what is told is kept."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        names, dice = [str(n) for n in range(count(300, 10_000))], random.Random(7)
        crowd = asyncio.Semaphore(50)

        async def write(name: str) -> bool:
            try:
                async with crowd, asyncio.timeout(dice.expovariate(20)), store.begin() as unit:
                    await unit.payments.claim(payment(name))
                    await unit.events.append(event(name))
            except TimeoutError:
                return False
            return True

        outcomes = await asyncio.gather(*(write(name) for name in names))
        assert len(set(outcomes)) == 2
        async with store.view() as view:
            told = {one.id for one in await view.events.newest(DEFAULT, len(names))}
        for name, acknowledged in zip(names, outcomes, strict=True):
            written = await find(store, payment(name)) is not None
            assert written == (event(name).id in told)
            assert written or not acknowledged
        await store.aclose()

    async def test_a_unit_left_in_an_operation_is_not_written(self, tmp_path: Path) -> None:
        """An operation that was cut off may be half done, so its unit is worth nothing."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        with pytest.raises(Unavailable):  # noqa: PT012 - the leaving is tested
            async with store.begin() as unit:
                await unit.payments.claim(payment("a"))
                cut_off = asyncio.ensure_future(unit.payments.claim(payment("b")))
                await asyncio.sleep(0)
                cut_off.cancel()
                await asyncio.wait([cut_off])
        assert await find(store, payment("a")) is None
        assert await find(store, payment("b")) is None
        await store.aclose()


class TestCapacity:
    async def test_a_full_memory_refuses_whole_units(self) -> None:
        """What does not fit is not written, what is there can still end."""
        store = MemoryStore(capacity=3)
        for n in range(3):
            await claim(store, payment(str(n)))
        with pytest.raises(Unavailable, match="full"):  # noqa: PT012 - the leaving is tested
            async with store.begin() as unit:
                await unit.events.append(event("a"))
                await unit.payments.claim(payment("beyond"))
        assert await find(store, payment("beyond")) is None
        async with store.view() as view:
            assert not await view.events.newest(DEFAULT, 10)
        async with store.begin() as unit:
            assert await unit.payments.release(payment("0"), payment("0").created_at)

    async def test_what_was_claimed_can_end(self) -> None:
        """Its money is on its way: facts, entries and refunds of it are not refused for room."""
        store = MemoryStore(capacity=3)
        for n in range(3):
            await claim(store, payment(str(n)))
        for n in range(3):
            ended = settled(payment(str(n)))
            async with store.begin() as unit:
                assert await unit.payments.settle(ended, facts_of(ended), entries_of(ended))
                assert await unit.refunds.add(refund(str(n)), Money(30, USDC))
        async with store.view() as view:
            assert len(await view.events.newest(DEFAULT, 10)) == 3

    async def test_nothing_is_claimed_that_could_not_be_told_of(self) -> None:
        """Room for another payment is no use if there is none for what it brings."""
        store = MemoryStore(capacity=3)
        await claim(store, payment("a"))
        ended = settled(payment("a"))
        facts = [event(name) for name in ("a", "b", "c", "d")]
        async with store.begin() as unit:
            assert await unit.payments.settle(ended, facts)
        with pytest.raises(Unavailable, match="full"):
            await claim(store, payment("b"))

"""Units of a single call in SQLite: they share visits and commits, and nothing else."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import evolve

from support.sqlite_journal import commits
from tillway.adapters.stores.sqlite.store import SqliteStore
from tillway.core.contracts.samples import (
    NOW,
    UNLESS_FAILED,
    event,
    payment,
    product,
    reservation,
    settled,
)
from tillway.core.errors import Declined, Unavailable
from tillway.core.payments import Payment
from tillway.core.ports.store import Claimed, ClaimResult, Refused
from tillway.core.tenancy import DEFAULT


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "tillway.db", patience=2.0)
    await made.start()
    yield made
    await made.aclose()


async def claim(store: SqliteStore, claimed: Payment) -> ClaimResult:
    async with store.begin(once=True) as unit:
        return await unit.payments.claim(claimed)


async def count(store: SqliteStore) -> int:
    async with store.view(once=True) as view:
        return len(await view.payments.newest(DEFAULT, 1_000))


class TestSingles:
    async def test_many_at_once_share_commits(self, store: SqliteStore) -> None:
        """Waiting for the disk once is enough for all who wait."""
        await claim(store, payment("first"))
        before = commits(store.path)
        found = await asyncio.gather(*(claim(store, payment(str(n))) for n in range(200)))
        assert found == [Claimed()] * 200
        assert await count(store) == 201
        assert 1 <= commits(store.path) - before <= 20

    async def test_one_after_the_other_each_has_its_own(self, store: SqliteStore) -> None:
        """What is answered is committed: nobody waits for company."""
        await claim(store, payment("first"))
        before = commits(store.path)
        for n in range(5):
            await claim(store, payment(str(n)))
        assert commits(store.path) - before == 5

    async def test_what_is_answered_is_committed(self, store: SqliteStore) -> None:
        """Another connection sees it the moment that the answer is there."""
        await asyncio.gather(*(claim(store, payment(f"before {n}")) for n in range(20)))
        with sqlite3.connect(store.path) as other:
            assert other.execute("SELECT count(*) FROM payments").fetchone() == (20,)

    async def test_one_that_fails_harms_no_other(self, store: SqliteStore) -> None:
        """Each has a savepoint of its own."""
        signature = payment("taken").signature
        await claim(store, payment("taken"))
        await claim(store, payment("twin"))

        async def steal() -> None:
            twin = evolve(settled(payment("twin")), signature=signature)
            async with store.begin(once=True) as unit:
                await unit.payments.settle(twin, [event("stolen")])

        found = await asyncio.gather(
            *(claim(store, payment(f"a{n}")) for n in range(20)),
            steal(),
            *(claim(store, payment(f"b{n}")) for n in range(20)),
            return_exceptions=True,
        )
        assert isinstance(found[20], Declined)
        assert [*found[:20], *found[21:]] == [Claimed()] * 40
        assert await count(store) == 42
        async with store.view() as view:
            assert await view.events.newest(DEFAULT, 10) == []

    async def test_limits_hold_among_those_that_go_together(self, store: SqliteStore) -> None:
        """Each sees what those before it have taken."""
        few = reservation("few", limit=7, counts=UNLESS_FAILED)
        found = await asyncio.gather(
            *(claim(store, payment(str(n), reservations=(few,))) for n in range(50))
        )
        assert found.count(Claimed()) == 7
        assert sum(isinstance(each, Refused) for each in found) == 43

    async def test_units_of_many_calls_go_between(self, store: SqliteStore) -> None:
        """A unit that is open is never seen half, and is committed with those that follow it."""

        async def reprice(cents: int) -> None:
            async with store.begin() as unit:
                await unit.products.put(DEFAULT, product(cents=cents), NOW)
                await asyncio.sleep(0)
                known = await unit.products.get(DEFAULT, product().id)
                assert known is not None
                assert known.fiat_price == product(cents=cents).fiat_price

        work = [
            each
            for n in range(40)
            for each in (claim(store, payment(str(n))), reprice(100 + n), count(store))
        ]
        await asyncio.gather(*work)
        assert await count(store) == 40

    async def test_a_second_call_is_refused(self, store: SqliteStore) -> None:
        """The first was committed before it was answered."""
        async with store.begin(once=True) as unit:
            await unit.payments.claim(payment("a"))
            with pytest.raises(RuntimeError, match="single call"):
                await unit.payments.claim(payment("b"))
        async with store.view(once=True) as view:
            assert await view.payments.find(payment("a").chain, payment("a").key)
            with pytest.raises(RuntimeError, match="single call"):
                await view.payments.find(payment("b").chain, payment("b").key)
        assert await count(store) == 1

    async def test_an_error_that_is_caught_is_raised_at_the_end(self, store: SqliteStore) -> None:
        """Nobody believes that something was written which was not."""

        async def settle_nothing() -> None:
            async with store.begin(once=True) as unit:
                with suppress(ValueError):
                    await unit.payments.settle(payment("a"))

        with pytest.raises(ValueError, match="live"):
            await settle_nothing()

    async def test_a_caller_that_leaves_takes_nobody_along(self, store: SqliteStore) -> None:
        """What he asked for is written or not; what others asked for is written."""
        tasks = [asyncio.create_task(claim(store, payment(str(n)))) for n in range(60)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for n, each in enumerate(found) if n % 3] == [Claimed()] * 40
        assert 40 <= await count(store) <= 60

    async def test_a_database_that_others_hold_is_given_up(self, store: SqliteStore) -> None:
        """All who wait hear of it, each by an error of his own, and nothing is written."""
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        found = await asyncio.gather(
            *(claim(store, payment(str(n))) for n in range(3)), return_exceptions=True
        )
        other.execute("ROLLBACK")
        other.close()
        assert all(isinstance(each, Unavailable) for each in found)
        assert len({id(each) for each in found}) == 3
        assert await count(store) == 0
        assert await claim(store, payment("again")) == Claimed()

    async def test_a_unit_that_never_ends_keeps_them_waiting_only_so_long(
        self, store: SqliteStore
    ) -> None:
        """Patience is the store's, as for every other unit."""
        quick = SqliteStore(store.path, patience=0.2)
        await quick.start()

        async def never_end() -> None:
            async with quick.begin() as unit:
                await unit.payments.claim(payment("slow"))
                await asyncio.sleep(60)

        slow = asyncio.create_task(never_end())
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            found = await asyncio.gather(
                *(claim(quick, payment(str(n))) for n in range(3)), return_exceptions=True
            )
        assert all(each == Claimed() or isinstance(each, Unavailable) for each in found)
        with pytest.raises(Unavailable):
            await slow
        assert await claim(quick, payment("after")) == Claimed()
        await quick.aclose()

    async def test_closing_waits_for_them(self, tmp_path: Path) -> None:
        """What was asked for before is done."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        tasks = [asyncio.create_task(claim(store, payment(str(n)))) for n in range(30)]
        await asyncio.sleep(0)
        await store.aclose()
        assert await asyncio.gather(*tasks) == [Claimed()] * 30

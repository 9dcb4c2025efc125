"""Old payments move out of the way, and are still known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from attrs import evolve

from support.manual_clock import ManualClock
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import CHAIN, NOW, key_of, payment, settled
from tillway.core.observations import ArchivalRan, Observation
from tillway.core.ports.store import Store, Taken
from tillway.core.services.archival import Archival
from tillway.core.services.cleanup import BATCH
from tillway.core.services.turns import Turn
from tillway.core.tenancy import DEFAULT

RETENTION = timedelta(days=90)
OLD = BATCH + 3


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Give a store with a number of old payments, one that is open, and one that is watched."""
    store = MemoryStore()
    await store.start()
    async with store.begin() as unit:
        for number in range(OLD):
            made = payment(f"{number}")
            await unit.payments.claim(made)
            await unit.payments.settle(settled(made))
        await unit.payments.claim(payment("open"))
        await unit.payments.claim(payment("watched"))
        await unit.payments.settle(evolve(settled(payment("watched")), watched=True))
    yield store
    await store.aclose()


def archival(
    store: Store,
    clock: ManualClock,
    owner: str = "one",
    seen: list[Observation] | None = None,
    retention: timedelta = RETENTION,
) -> Archival:
    every = timedelta(days=1)
    turn = Turn(store=store, clock=clock, owner=owner, name="archival", every=every)
    observe = (lambda _: None) if seen is None else seen.append
    return Archival(store=store, turn=turn, retention=retention, observe=observe)


async def left(store: Store) -> int:
    async with store.view() as view:
        return len(await view.payments.newest(DEFAULT, 1000))


class TestArchival:
    async def test_what_is_old_and_over_is_moved(self, store: Store) -> None:
        """At start, in batches, and told once."""
        clock, seen = ManualClock(NOW + RETENTION + timedelta(days=1)), list[Observation]()

        assert await archival(store, clock, seen=seen).run() == OLD

        assert await left(store) == 2
        assert seen == [ArchivalRan(moved=OLD)]

    async def test_what_is_moved_cannot_be_paid_with_again(self, store: Store) -> None:
        """Its key and its signature stay taken."""
        clock = ManualClock(NOW + RETENTION + timedelta(days=1))
        await archival(store, clock).run()

        async with store.begin() as unit:
            assert isinstance(await unit.payments.claim(payment("1")), Taken)
            assert await unit.payments.find(CHAIN, key_of("1")) is not None

    async def test_nothing_younger_is_moved(self, store: Store) -> None:
        """Nor is a run that moves nothing told."""
        clock, seen = ManualClock(NOW + RETENTION - timedelta(seconds=1)), list[Observation]()

        assert await archival(store, clock, seen=seen).run() == 0
        assert seen == []

    async def test_free_repeats_are_never_moved(self, store: Store) -> None:
        """Whatever retention somebody asks for."""
        clock = ManualClock(NOW + timedelta(hours=23))

        assert await archival(store, clock, retention=timedelta()).run() == 0

    async def test_it_runs_again_after_its_interval(self, store: Store) -> None:
        """And not before."""
        clock, seen = ManualClock(NOW + timedelta(days=1)), list[Observation]()
        worker = archival(store, clock, seen=seen)
        await worker.run()
        clock.time = NOW + RETENTION + timedelta(days=2)
        await worker.run()
        await worker.run()

        assert seen == [ArchivalRan(moved=OLD)]

    async def test_of_two_processes_one_archives(self, store: Store) -> None:
        """Each payment is moved once, whoever moves it."""
        clock = ManualClock(NOW + RETENTION + timedelta(days=1))
        workers = [archival(store, clock, owner) for owner in ("one", "two", "three")]

        moved = await asyncio.gather(*(worker.run() for worker in workers))

        assert sorted(moved) == [0, 0, OLD]

"""Work that one process does for all: who does it, when, and what becomes of those that stop."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from attrs import define

from support.manual_clock import ManualClock
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.ports.store import Store
from tillway.core.services.turns import LEASE, Turn

EVERY = timedelta(minutes=5)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Give a store in memory."""
    store = MemoryStore()
    await store.start()
    yield store
    await store.aclose()


@define
class Office:
    """Two processes at one kind of work."""

    clock: ManualClock
    one: Turn
    two: Turn

    @classmethod
    def of(cls, store: Store) -> "Office":
        """Let both work on a store."""
        clock = ManualClock()
        turns = [
            Turn(store=store, clock=clock, owner=owner, name="work", every=EVERY)
            for owner in ("one", "two")
        ]
        return cls(clock, *turns)

    def wait(self, by: timedelta) -> None:
        """Let time pass."""
        self.clock.move(by.total_seconds())


@pytest.fixture
def office(store: Store) -> Office:
    return Office.of(store)


class TestTurn:
    async def test_one_works_and_the_other_does_not(self, office: Office) -> None:
        """Nor does it once the first is done, until the work is due again."""
        assert await office.one.begin()
        assert not await office.two.begin()
        await office.one.done()
        office.wait(EVERY - timedelta(seconds=1))
        assert not await office.two.begin()
        assert not await office.one.begin()
        office.wait(timedelta(seconds=2))
        assert await office.two.begin()
        assert not await office.one.begin()

    async def test_after_a_crash_another_goes_on_soon(self, office: Office) -> None:
        """The lease of one that works is short, however seldom the work is due."""
        assert await office.one.begin()
        office.wait(LEASE + timedelta(seconds=1))

        assert await office.two.begin()

    async def test_one_that_stood_still_has_lost_its_turn(self, office: Office) -> None:
        """It finds out before its next step, and its end does not take the turn back."""
        assert await office.one.begin()
        assert await office.one.goes_on()
        office.wait(LEASE + timedelta(seconds=1))
        assert await office.two.begin()

        assert not await office.one.goes_on()
        await office.one.done()
        assert await office.two.goes_on()

    async def test_what_failed_half_way_is_due_still(self, office: Office) -> None:
        """Its own process tries again at once."""
        assert await office.one.begin()
        assert await office.one.begin()

    async def test_one_that_leaves_in_good_order_lets_others_begin(self, office: Office) -> None:
        """At once, if they have not done it themselves since it was due."""
        assert await office.one.begin()
        await office.one.done()
        await office.one.give_up()
        await office.one.give_up()

        assert await office.two.begin()

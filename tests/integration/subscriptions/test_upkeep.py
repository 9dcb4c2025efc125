"""Looking after subscriptions: what fails is in no other's way."""

from datetime import timedelta

import pytest
from attrs import define, evolve, field

from support.manual_clock import ManualClock
from support.telling import Telling
from support.told import START, S, begun
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.ids import SubscriptionId
from tillway.core.services.catalogue.catalogues import FixedCatalogue
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.rails import Rails
from tillway.core.services.subscriptions.changes import Changes
from tillway.core.services.subscriptions.known import KnownSubscriptions
from tillway.core.services.subscriptions.postponed import FIRST, LONGEST, Postponed
from tillway.core.services.subscriptions.upkeep import BATCH, EVERY, Upkeep
from tillway.core.services.turns import Turn
from tillway.core.subscription_moves import AGAIN
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import DEFAULT

BAD = BATCH + 40


@define
class Office:
    """What looks after subscriptions, over a store in memory and a provider that refuses."""

    provider: Telling = field(factory=lambda: Telling(refuses=True))
    clock: ManualClock = field(factory=ManualClock)
    store: MemoryStore = field(factory=MemoryStore)

    def upkeep(self) -> Upkeep:
        """Join it."""
        catalogue = FixedCatalogue([], [], DEFAULT)
        known = KnownSubscriptions(
            store=self.store, catalogue=catalogue, clock=self.clock, enabled=True, grace_hours=0
        )
        pages = Pages(success_url="", cancel_url="", hosts=frozenset())
        changes = Changes(
            known=known, catalogue=catalogue, rails=Rails.of([self.provider]), pages=pages
        )
        turn = Turn(
            store=self.store, clock=self.clock, owner="one", name="subscriptions", every=EVERY
        )
        return Upkeep(known=known, catalogue=catalogue, changes=changes, turn=turn)

    async def take(self, name: str, due: timedelta, **more: object) -> None:
        """Know a subscription that is due after a while."""
        one = evolve(
            begun(),
            id=SubscriptionId(name),
            subscriber=name,
            stripe_subscription=f"sub_{name}",
            due_at=START + due,
            **more,  # type: ignore[arg-type]  # its own fields
        )
        async with self.store.begin() as unit:
            assert await unit.subscriptions.add(one)

    async def take_bad(self) -> None:
        """Know more than a batch of second trials, which the provider does not end."""
        for number in range(BAD):
            due = timedelta(seconds=number)
            await self.take(f"bad {number}", due, metadata={AGAIN: "true"})

    async def found(self, name: str) -> Subscription:
        """Give one as it stands."""
        async with self.store.view() as view:
            found = await view.subscriptions.get(DEFAULT, SubscriptionId(name))
        assert found is not None
        return found


@pytest.mark.asyncio
class TestFailing:
    """More than are looked at together."""

    async def test_they_starve_nobody(self) -> None:
        """In the same sweep, whoever is due after them is looked after."""
        office = Office()
        await office.take_bad()
        await office.take("good", timedelta(hours=1), cancel_at_period_end=True)
        office.clock.time = begun().period_end + timedelta(days=1)
        assert await office.upkeep().run() == 1
        assert (await office.found("good")).state is S.CANCELLED
        assert office.provider.asked == BAD

    async def test_they_are_tried_again_after_a_pause(self) -> None:
        """Not with every sweep, and as soon as it goes they are done."""
        office = Office()
        await office.take_bad()
        office.clock.time = START + timedelta(hours=2)
        upkeep = office.upkeep()
        for _ in range(3):
            await upkeep.run()
            office.clock.move(EVERY.total_seconds())
        assert office.provider.asked == BAD
        office.provider.refuses = False
        office.clock.move(FIRST.total_seconds())
        assert await upkeep.run() == BAD
        assert (await office.found("bad 0")).state is S.CANCELLED


class TestPostponed:
    """``Postponed``."""

    def test_pauses_grow_and_are_bounded(self) -> None:
        """From a minute, doubled with every failure, to an hour."""
        one, now, kept = begun(), START, Postponed()
        for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
            assert not kept.waiting(now)
            kept.add(one, now)
            now += timedelta(minutes=minutes)
            assert kept.waiting(now - timedelta(seconds=1)) == {(one.id, one.version)}

    def test_what_has_changed_does_not_wait(self) -> None:
        """Another version is another thing to look after."""
        kept, changed = Postponed(), evolve(begun(), version=1)
        kept.add(begun(), START)
        assert (changed.id, changed.version) not in kept.waiting(START)

    def test_what_is_not_tried_again_is_forgotten(self) -> None:
        """Its pause begins anew."""
        kept, later = Postponed(), START + FIRST + LONGEST + FIRST
        for _ in range(2):
            kept.add(begun(), START)
        assert not kept.waiting(later + FIRST)
        kept.add(begun(), later)
        assert not kept.waiting(later + FIRST)

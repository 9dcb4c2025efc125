"""Two things that a provider tells of one second: it is asked which of them is the later one."""

import asyncio
import itertools
import random
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import orjson
import pytest
from aiohttp import ClientSession
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from support.card_members import Club, open_club
from support.manual_clock import ManualClock
from support.telling import Telling
from support.told import START, begun
from support.whole_shop import SECRET
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.counts import count
from tillway.core.ports.hosting import News, SubscriptionAsked, SubscriptionTold
from tillway.core.ports.store import UnitOfWork
from tillway.core.services.catalogue.catalogues import FixedCatalogue
from tillway.core.services.hosted.incoming import MOST_ASKED, Incoming
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.rails import Rails
from tillway.core.services.subscriptions.bills import Bills
from tillway.core.services.subscriptions.changes import Changes
from tillway.core.services.subscriptions.known import KnownSubscriptions
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.sandbox.stripe.render import event
from tillway.entrypoints.sandbox.stripe.webhooks import signature

EXAMPLES = count(80, 2_000)


@pytest.fixture
async def club() -> AsyncIterator[Club]:
    """Give a club that takes cards."""
    async with open_club() as made:
        yield made


async def in_one_second(club: Club, named: str, *flags: bool) -> list[str]:
    """Have it end with its period or not, all in a second that is just over; name the events."""
    club.shop.clock.forward(timedelta(minutes=1))
    account = club.stripe.account
    theirs = account.get("subscription", named)
    with account.at(account.now() - 5):
        for ends in flags:
            account.change("customer.subscription.updated", theirs, cancel_at_period_end=ends)
    newest = itertools.islice(account.shelves.newest("event"), len(flags))
    return [each["id"] for each in newest][::-1]


async def told(club: Club, events: Sequence[str]) -> None:
    """Deliver events in an order of our own, signed."""
    account = club.stripe.account
    async with ClientSession() as http:
        for each in events:
            body = orjson.dumps(event(account, account.get("event", each)))
            signed = {"Stripe-Signature": signature(body, SECRET, account.now())}
            url = f"{club.shop.address}/webhook/stripe"
            async with http.post(url, data=body, headers=signed) as said:
                assert said.status == 200


@pytest.mark.asyncio
class TestOneSecond:
    """Over the sandbox's Stripe."""

    async def test_in_any_order_it_stands_as_the_provider_has_it(self, club: Club) -> None:
        """Set, taken back and set again in one second: six orders, and with repeats."""
        one = await club.joined()
        named = str(one.stripe_subscription)
        club.stripe.outbox.trouble.paused = True
        for last in (False, True):
            for order in itertools.permutations(range(3)):
                events = await in_one_second(club, named, last, not last, last)
                await told(club, [events[each] for each in (*order, *order)])
                ours = await club.found(named)
                assert ours.cancel_at_period_end is last, order

    async def test_while_the_provider_is_away_news_wait(self, club: Club) -> None:
        """Then they are applied as it says."""
        one = await club.joined()
        named = str(one.stripe_subscription)
        club.stripe.outbox.trouble.paused = True
        events = await in_one_second(club, named, True, False)
        club.stripe.faults.add("http_500", "GET /v1/subscriptions/*", None)
        await told(club, events)
        assert (await club.found(named)).cancel_at_period_end
        club.stripe.faults.clear()
        club.shop.clock.forward(timedelta(minutes=2))
        await club.shop.gateway.services.incoming.sweep()
        assert not (await club.found(named)).cancel_at_period_end

    async def test_without_the_provider_what_is_further_counts_in_the_end(self, club: Club) -> None:
        """Nothing waits for ever for an answer."""
        one = await club.joined()
        named = str(one.stripe_subscription)
        club.stripe.outbox.trouble.paused = True
        events = await in_one_second(club, named, False, True)
        club.stripe.faults.add("http_500", "GET /v1/subscriptions/*", None)
        await told(club, events)
        assert not (await club.found(named)).cancel_at_period_end
        for _ in range(MOST_ASKED + 1):
            club.shop.clock.forward(timedelta(minutes=2))
            await club.shop.gateway.services.incoming.sweep()
        assert (await club.found(named)).cancel_at_period_end


@frozen
class Hears:
    """Hand news of subscriptions on."""

    bills: Bills

    async def apply(self, unit: UnitOfWork, tenant: Tenant, source: str, news: News) -> None:
        """Write what they mean."""
        assert isinstance(news, SubscriptionTold | SubscriptionAsked)
        assert await self.bills.apply(unit, tenant, source, news)


class Desk:
    """What hears of one subscription, over a store in memory."""

    def __init__(self, provider: Telling) -> None:
        self.provider = provider
        self.store = MemoryStore()
        self.clock = ManualClock()
        bills = Bills(clock=self.clock, random=secrets.token_bytes)
        self.incoming = Incoming(
            store=self.store,
            rails=Rails.of([provider]),
            clock=self.clock,
            owner="one",
            news=Hears(bills),
            most_applying=100,
        )

    async def open(self) -> None:
        """Know the subscription."""
        async with self.store.begin() as unit:
            assert await unit.subscriptions.add(begun())

    def changes(self) -> Changes:
        """Give what changes it."""
        catalogue = FixedCatalogue([], [], DEFAULT)
        known = KnownSubscriptions(
            store=self.store, catalogue=catalogue, clock=self.clock, enabled=True, grace_hours=0
        )
        pages = Pages(success_url="", cancel_url="", hosts=frozenset())
        return Changes(known=known, catalogue=catalogue, rails=self.incoming.rails, pages=pages)

    async def hear(self, number: int) -> None:
        """Receive one event, after a while."""
        await self.provider.idle()
        await self.incoming.receive(DEFAULT, "stripe", {}, b"%d" % number)

    async def swept(self) -> None:
        """Let all that waits be applied."""
        for _ in range(MOST_ASKED + 2):
            self.clock.move(200)
            await self.incoming.sweep()

    async def ours(self) -> Subscription:
        """Give it as we have it."""
        async with self.store.view() as view:
            found = await view.subscriptions.get(DEFAULT, begun().id)
        assert found is not None
        return found


async def lived(seed: int, happenings: Sequence[tuple[int, bool, int]]) -> tuple[Telling, Desk]:
    """Have things happen, and be told while more happens: late, twice, all at once."""
    provider = Telling(chance=random.Random(seed))
    desk = Desk(provider)
    await desk.open()
    at, hearing = START + timedelta(hours=1), []
    for number, (milliseconds, ends, copies) in enumerate(happenings):
        at += timedelta(milliseconds=milliseconds)
        provider.happen(at, cancel_at_period_end=ends)
        hearing += [asyncio.ensure_future(desk.hear(number)) for _ in range(copies)]
        await provider.idle()
    await asyncio.gather(*hearing)
    missed = [number for number, (_, _, copies) in enumerate(happenings) if not copies]
    provider.chance.shuffle(missed)
    for number in missed:
        await desk.hear(number)
    await desk.swept()
    return provider, desk


HAPPENINGS = st.lists(
    st.tuples(st.sampled_from([0, 1, 300, 1_000]), st.booleans(), st.integers(0, 3)),
    min_size=3,
    max_size=8,
)


class TestAnyOrder:
    """News that meet, with answers that are late."""

    @given(seed=st.integers(0, 2**32), happenings=HAPPENINGS)
    @settings(max_examples=EXAMPLES, deadline=None)
    def test_it_ends_as_the_provider_says(
        self, seed: int, happenings: list[tuple[int, bool, int]]
    ) -> None:
        """However news are shuffled and doubled, and whatever an old answer says."""

        async def ends() -> None:
            provider, desk = await lived(seed, happenings)
            ours = await desk.ours()
            assert ours.cancel_at_period_end is provider.standing.cancel_at_period_end

        asyncio.run(ends())

    def test_an_answer_that_others_have_overtaken_is_asked_for_again(self) -> None:
        """What was written while it was on its way may be newer."""

        async def overtaken() -> None:
            provider = Telling()
            desk = Desk(provider)
            await desk.open()
            for ends in (True, False):
                provider.happen(START + timedelta(hours=1), cancel_at_period_end=ends)
            await desk.hear(0)

            async def overtake() -> None:
                provider.happen(START + timedelta(hours=1), cancel_at_period_end=True)
                await desk.hear(2)

            provider.meanwhile = overtake
            await desk.hear(1)
            assert (await desk.ours()).cancel_at_period_end
            assert provider.asked == 2

        asyncio.run(overtaken())

    def test_so_is_the_answer_to_a_change_of_ours(self) -> None:
        """Taken back at the provider before we have written it: it is written as taken back."""

        async def overtaken() -> None:
            provider = Telling()
            desk = Desk(provider)
            await desk.open()

            async def overtake() -> None:
                provider.happen(START + timedelta(hours=1), cancel_at_period_end=False)
                await desk.hear(0)

            provider.meanwhile = overtake
            ours = await desk.changes().cancel(await desk.ours(), at_period_end=True)
            assert not ours.cancel_at_period_end
            assert not (await desk.ours()).cancel_at_period_end

        asyncio.run(overtaken())

    def test_a_provider_that_refuses_is_not_waited_for(self) -> None:
        """What is further counts, at once."""

        async def refused() -> bool:
            provider = Telling(refuses=True)
            desk = Desk(provider)
            await desk.open()
            for number, ends in enumerate((True, False)):
                provider.happen(START + timedelta(hours=1), cancel_at_period_end=ends)
                await desk.hear(number)
            return (await desk.ours()).cancel_at_period_end

        assert asyncio.run(refused())

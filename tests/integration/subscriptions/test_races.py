"""Payments of periods that meet, on every store."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve

from support.manual_clock import ManualClock
from support.mongo import Mongo
from support.postgres import Databases
from support.store_places import mongo_at
from support.told import STORIES, Told, begun, seen
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.contracts.samples import NOW, payment
from tillway.core.errors import Unavailable
from tillway.core.ids import Nonce, ProductId
from tillway.core.payments import Payment, State
from tillway.core.periods import later
from tillway.core.ports.hosting import InvoiceTold
from tillway.core.ports.store import SingleUse, Store
from tillway.core.refunds import NEVER
from tillway.core.services.catalogue.catalogues import FixedCatalogue
from tillway.core.services.subscriptions.bills import Bills
from tillway.core.services.subscriptions.known import rewrite
from tillway.core.services.subscriptions.periods import Periods, plan_of, purchase_of
from tillway.core.services.subscriptions.renewals import noted
from tillway.core.services.subscriptions.returns import Returns
from tillway.core.subscription_moves import cancelled
from tillway.core.subscription_news import heard_of, standing_by
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT

pytestmark = pytest.mark.asyncio

GOLD = Product(
    id=ProductId("gold"),
    subscription=SubscriptionTerms(billing_period=BillingPeriod.MONTH, allow_x402=True),
)
TERMS = SubscriptionTerms(billing_period=BillingPeriod.MONTH, allow_x402=True)
AT_ONCE = 12


@pytest.fixture(params=["memory", "file", "postgres", "mongodb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give each store."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "file":
        made = SqliteStore(tmp_path / "tillway.db")
        await made.start()
        yield made
        await made.aclose()
    elif request.param == "postgres":
        from tillway.adapters.stores.postgres import PostgresStore

        databases: Databases = request.getfixturevalue("postgres")
        url = databases.server.url(await databases.fresh())
        server = PostgresStore(url, patience=60)
        await server.start()
        yield server
        await server.aclose()
    else:
        mongo: Mongo = request.getfixturevalue("mongo")
        documents = mongo_at(await asyncio.to_thread(mongo.emptied), patience=60)
        await documents.start()
        yield documents
        await documents.aclose()


def periods() -> Periods:
    """Give what sells them."""
    return Periods(
        catalogue=FixedCatalogue([GOLD], [], DEFAULT),
        clock=ManualClock(),
        random=secrets.token_bytes,
        enabled=True,
    )


def paid(name: str) -> Payment:
    """Give a payment of a period."""
    return evolve(payment(name), purchase=purchase_of(DEFAULT, GOLD.id, TERMS))


async def patiently(work: Callable[[], Awaitable[None]]) -> None:
    """Do it again as long as others are in the way, as whoever writes the ends of payments."""
    for attempt in range(40):
        try:
            return await work()
        except Unavailable:
            await asyncio.sleep(0.01 * attempt)
    raise AssertionError("others were in the way every time")


async def theirs(store: Store) -> list[Subscription]:
    """Give all that the payer has."""
    async with store.view() as view:
        return list(await view.subscriptions.of(DEFAULT, payment("a").payer))


class TestRaces:
    async def test_payments_that_meet_are_a_period_each(self, store: Store) -> None:
        """A dozen at once: one subscription, a dozen months."""
        sells = periods()

        async def fulfil(name: str) -> None:
            async with store.begin() as unit:
                await sells.fulfil(unit, paid(name))

        works = [partial(fulfil, f"payment {number}") for number in range(AT_ONCE)]
        await asyncio.gather(*(patiently(work) for work in works))
        (one,) = await theirs(store)
        assert one.period_start == NOW
        assert one.period_end == later(NOW, BillingPeriod.MONTH, AT_ONCE)

    async def test_one_payment_is_consumed_once(self, store: Store) -> None:
        """A dozen activations of one payment: the mark and the period are one commit."""
        sells = periods()
        mark = SingleUse(
            nonce=Nonce("ab" * 16),
            tenant=DEFAULT,
            purpose="consumed-payment",
            created_at=NOW,
            expires_at=NEVER,
        )

        async def consume() -> None:
            async with store.begin() as unit:
                if await unit.nonces.add(mark):
                    await sells.grant(unit, paid("a"), plan_of(paid("a").purchase))

        await asyncio.gather(*(patiently(consume) for _ in range(AT_ONCE)))
        (one,) = await theirs(store)
        assert one.period_end == later(NOW, BillingPeriod.MONTH, 1)

    async def test_a_payment_that_meets_the_end_is_not_lost(self, store: Store) -> None:
        """Cancelled and paid at once: whichever is first, what was paid is there."""
        sells = periods()
        async with store.begin() as unit:
            await sells.fulfil(unit, paid("first"))
        (before,) = await theirs(store)

        async def cancel() -> None:
            async with store.begin() as unit:
                standing = await unit.subscriptions.get(DEFAULT, before.id)
                assert standing is not None
                if not await rewrite(unit, standing, cancelled(standing, NOW)):
                    raise Unavailable

        async def pay() -> None:
            async with store.begin() as unit:
                await sells.fulfil(unit, paid("second"))

        await asyncio.gather(patiently(cancel), patiently(pay))
        found = await theirs(store)
        running = [each for each in found if each.is_running]
        if running:
            assert running[0].period_end == NOW + timedelta(days=31)
        else:
            (one,) = found
            assert one.state is SubscriptionState.CANCELLED
            assert one.period_end > before.period_end

    async def test_a_period_that_goes_meets_payments_of_others(self, store: Store) -> None:
        """Whoever is first, what is left is what is still paid for."""
        sells, returns = periods(), Returns(clock=ManualClock())
        gone = evolve(paid("first"), state=State.REVERSED)
        async with store.begin() as unit:
            await sells.fulfil(unit, paid("first"))

        async def go() -> None:
            async with store.begin() as unit:
                await returns.returned(unit, gone)

        async def pay(name: str) -> None:
            async with store.begin() as unit:
                await sells.fulfil(unit, paid(name))

        works = [patiently(partial(pay, f"payment {number}")) for number in range(4)]
        await asyncio.gather(*works[:2], patiently(go), patiently(go), *works[2:])
        running = [each for each in await theirs(store) if each.is_running]
        (one,) = running
        assert one.period_end == later(NOW, BillingPeriod.MONTH, 4)


class TestNews:
    async def test_news_that_meet_make_what_they_make_in_order(self, store: Store) -> None:
        """All at once, each twice, in a random order: the same subscription, each bill booked."""
        bills = Bills(clock=ManualClock(), random=secrets.token_bytes)
        story = STORIES["over"]

        async def hear(told: Told) -> None:
            async with store.begin() as unit:
                assert await bills.apply(unit, DEFAULT, "stripe", told)

        async with store.begin() as unit:
            await unit.subscriptions.add(begun())
        news = [*story.news, *story.news]
        random.Random(11).shuffle(news)
        await asyncio.gather(*(patiently(partial(hear, told)) for told in news))
        async with store.view() as view:
            one = await view.subscriptions.get(DEFAULT, begun().id)
            payments = await view.payments.newest(DEFAULT, 10)
        assert one is not None
        in_order = begun()
        for told in story.news:
            heard = heard_of(in_order)
            if isinstance(told, InvoiceTold):
                known, in_order = heard.billed(told), noted(in_order, told)
            else:
                known = heard.told(told.subscription, told.at)
            in_order = standing_by(in_order, known, NOW)
        assert seen(one) == seen(in_order)
        assert len(payments) == 2

    async def test_a_repeat_books_nothing_more(self, store: Store) -> None:
        """The invoice's name is the payment's, and unique."""
        bills = Bills(clock=ManualClock(), random=secrets.token_bytes)
        async with store.begin() as unit:
            await unit.subscriptions.add(begun())
        for told in [*STORIES["renewed"].news, *STORIES["renewed"].news]:
            async with store.begin() as unit:
                assert await bills.apply(unit, DEFAULT, "stripe", told)
        async with store.view() as view:
            assert len(await view.payments.newest(DEFAULT, 10)) == 2
            facts = [each.type for each in await view.events.newest(DEFAULT, 10)]
        assert facts.count("payment.succeeded") == 2

"""What is told in odd moments, and what operators see of what cannot be applied."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from support.card_shop import CardShop, card_shop
from support.cards import THEIRS, event, refund_event, session_event
from support.shell import ask
from tillway.core.checkouts import Checkout, CheckoutId, CheckoutState
from tillway.core.payments import Purchase, State
from tillway.core.ports.hosting import HostedSession, SessionStatus
from tillway.core.ports.store import Inbound, InboundState
from tillway.core.quotes import Purpose
from tillway.core.refunds import UNAPPLIED
from tillway.core.services.hosted.backlog import Backlog
from tillway.core.services.hosted.checkouts import OPENING
from tillway.core.services.hosted.incoming import MOST_ATTEMPTS
from tillway.core.tenancy import DEFAULT

SESSION: Final = "cs_early"
LATE: Final = OPENING + timedelta(seconds=1)


@pytest.fixture
async def shop() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop() as made:
        yield made


async def opening(shop: CardShop, age: timedelta = timedelta()) -> Checkout:
    """Write a checkout whose answer is on its way: only the provider knows what it comes to."""
    began = shop.gateway.services.clock.now() - age
    made = Checkout(
        id=CheckoutId("checkout_early"),
        tenant=DEFAULT,
        provider="stripe",
        purchase=Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource="poster"),
        amount=None,
        created_at=began,
        expires_at=began + OPENING,
    )
    async with shop.gateway.store.begin() as unit:
        await unit.checkouts.add(made)
    return made


def paid(of: Checkout) -> HostedSession:
    """Give its session as the provider tells of it, paid."""
    return HostedSession(
        id=SESSION,
        status=SessionStatus.COMPLETE,
        paid=True,
        reference=of.id,
        amount=THEIRS,
        expires_at=of.expires_at + timedelta(days=1),
        payment="pi_early",
        customer_email="buyer@shop.example",
    )


async def answered(shop: CardShop, one: Checkout) -> None:
    """Write the provider's answer to an opening."""
    known = evolve(one, state=CheckoutState.OPEN, session=SESSION, amount=THEIRS, url="https://a")
    async with shop.gateway.store.begin() as unit:
        assert await unit.checkouts.move(known, [CheckoutState.OPENING])


async def looked_after(shop: CardShop) -> int:
    """Look after overdue checkouts, although somebody has just done so."""
    overdue = shop.gateway.services.overdue
    overdue.turn = evolve(overdue.turn)
    return await overdue.run()


async def exhausted(shop: CardShop) -> None:
    """Try what waits until it is tried no more."""
    for _ in range(MOST_ATTEMPTS + 1):
        await shop.catch_up()


async def counted(shop: CardShop) -> dict[str, float]:
    """Give how often events had which outcome, as /metrics says."""
    text = (await ask(shop.client, "/metrics")).raw.decode()
    begin = 'tillway_events_heard_total{outcome="'
    lines = [line.removeprefix(begin) for line in text.splitlines() if line.startswith(begin)]
    assert all('source="stripe"' in line for line in lines)
    return {line.partition('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


class TestToldWhileOpening:
    """A session is told of before the answer to its opening is written."""

    async def test_it_waits_for_what_it_comes_to(self, shop: CardShop) -> None:
        """Nothing is kept as unapplied meanwhile, and with the answer it is granted."""
        one = await opening(shop)
        assert (await shop.tell(session_event("evt_1", paid(one)))).status == 200
        assert await shop.payment(SESSION) is None
        assert (await shop.inbound("evt_1")).state is InboundState.RECEIVED
        await answered(shop, one)
        await shop.catch_up()
        assert (await shop.verify(SESSION)).status == 200
        assert not await shop.refunds(SESSION)
        assert len(await shop.facts("payment.succeeded")) == 1

    async def test_without_an_answer_the_money_is_given_back(self, shop: CardShop) -> None:
        """Once an opening can no longer be answered: a crash lay between."""
        one = await opening(shop, LATE)
        await shop.told(paid(one))
        payment = await shop.payment(SESSION)
        assert payment is not None
        assert payment.state is State.UNAPPLIED
        (refund,) = await shop.refunds(SESSION)
        assert (refund.origin, refund.amount) == (UNAPPLIED, THEIRS)

    async def test_whoever_looks_after_it_gives_the_money_back(self, shop: CardShop) -> None:
        """Where its news never came."""
        one = await opening(shop, LATE)
        shop.cards.sessions[SESSION] = paid(one)
        assert await looked_after(shop) == 1
        payment = await shop.payment(SESSION)
        assert payment is not None
        assert payment.state is State.UNAPPLIED


class TestMoneyOfAnother:
    """A session is told to be paid with money that has paid another checkout."""

    async def test_it_is_given_up_at_once(self, shop: CardShop) -> None:
        """Nothing is granted or given back: it would be the other's. It says which."""
        first, second = await shop.opened(), await shop.opened()
        await shop.told(shop.cards.pay(first))
        same = shop.cards.pay(second, payment="pi_1")
        assert (await shop.tell(session_event("evt_same", same))).status == 200
        kept, known = await shop.inbound("evt_same"), await shop.checkout(first)
        assert (kept.state, kept.attempts) == (InboundState.GIVEN_UP, 1)
        reason = f"pi_1 of {second} has paid checkout {known.id}"
        assert kept.last_error == f"payment_already_used: {reason}"
        assert await shop.payment(second) is None
        assert not await shop.refunds(second)
        assert (await shop.verify(first)).status == 200
        assert await shop.earned() == 1_250

    async def test_whoever_looks_after_it_goes_on(self, shop: CardShop) -> None:
        """It is in nobody's way."""
        first = await shop.opened()
        await shop.told(shop.cards.pay(first))
        one = await opening(shop, LATE)
        shop.cards.sessions[SESSION] = evolve(paid(one), payment="pi_1")
        assert await looked_after(shop) == 1
        assert await shop.payment(SESSION) is None


class TestGivenUp:
    """Events that were tried often enough."""

    async def test_they_can_be_tried_again(self, shop: CardShop) -> None:
        """By whoever sweeps next, as if for the first time."""
        session = await shop.opened()
        told = Inbound(
            tenant=DEFAULT,
            source="stripe",
            id="evt_1",
            type="session",
            received_at=shop.gateway.services.clock.now() - timedelta(days=2),
            body=session_event("evt_1", shop.cards.pay(session)),
        )
        async with shop.gateway.store.begin() as unit:
            await unit.inbox.receive(told)
            await unit.inbox.put_off(DEFAULT, "stripe", "evt_1", "no", None)
        services = shop.gateway.services
        assert await services.incoming.sweep() == 0
        backlog = Backlog(
            store=shop.gateway.store, clock=services.clock, tenant=DEFAULT, source="stripe"
        )
        assert await backlog.retry("evt_1")
        assert await services.incoming.sweep() == 1
        assert (await shop.verify(session)).status == 200
        assert not await backlog.retry("evt_1")
        assert [each async for each in backlog.newest(5)] == []

    async def test_what_cannot_be_read_is_given_up_at_last(self, shop: CardShop) -> None:
        """After its tries, and not before; it is tried no more."""
        await shop.tell(event("evt_odd", "session", {"id": "cs_1"}))
        await exhausted(shop)
        kept = await shop.inbound("evt_odd")
        assert (kept.state, kept.attempts) == (InboundState.GIVEN_UP, MOST_ATTEMPTS + 1)


class TestCounted:
    async def test_outcomes_are_counted(self, shop: CardShop) -> None:
        """Whatever comes of an event, by a word of a few."""
        session = await shop.opened()
        body = session_event("evt_paid", shop.cards.pay(session))
        for _ in range(2):
            await shop.tell(body)
        await shop.tell(body, secret=b"whsec_other")
        await shop.tell(event("evt_odd", "session", {"id": "cs_1"}))
        await shop.tell(refund_event("evt_back", "pi_nobodys", 100))
        await exhausted(shop)
        assert await counted(shop) == {
            "applied": 1,
            "repeated": 1,
            "refused": 1,
            "waiting": 2 * MOST_ATTEMPTS,
            "given_up": 1,
            "ignored": 1,
        }

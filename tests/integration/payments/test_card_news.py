"""What a provider tells: compared with what we have stored, applied once, in any order."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from support.all_stores import place_of
from support.card_shop import WEBHOOK, CardShop, card_shop
from support.cards import (
    USD,
    Cards,
    dispute_event,
    event,
    refund_event,
    session_event,
)
from support.shell import ask
from tillway.core.assets import BUILT_IN
from tillway.core.carts import Cart, CartItem, CartState
from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.ids import CartId
from tillway.core.ledger import AccountKind
from tillway.core.money import Money
from tillway.core.payments import Asked, Phase, Purchase, Reservation, State
from tillway.core.ports.hosting import DisputeState, OrderLine, SessionStatus
from tillway.core.ports.store import Inbound
from tillway.core.quotes import Purpose
from tillway.core.refunds import UNAPPLIED, RefundState
from tillway.core.services.hosted.checkouts import Wanted
from tillway.core.services.hosted.incoming import QUIET
from tillway.core.tenancy import DEFAULT

CART = CartId(f"cart_{'0' * 31}1")
LOOKUP = "/paywall/v1/x402-transaction/verify"
OPEN, WON, LOST = DisputeState.OPEN, DisputeState.WON, DisputeState.LOST


@pytest.fixture
async def shop(storage: dict[str, Any]) -> AsyncIterator[CardShop]:
    """Give a shop on each store."""
    async with card_shop(storage=storage) as made:
        yield made


@pytest.fixture
async def on_mongo(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CardShop]:
    """Give a shop on MongoDB, or what answers like it."""
    async with card_shop(storage=await place_of(request, "mongodb", tmp_path)) as made:
        yield made


@pytest.fixture
async def quick() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop() as made:
        yield made


async def with_a_cart(shop: CardShop) -> Checkout:
    """Open a checkout for a cart of two mugs."""
    now = shop.gateway.services.clock.now()
    price, total = Money(1_250, USD), Money(2_500, USD)
    cart = Cart(
        id=CART,
        tenant=DEFAULT,
        items=(CartItem(resource="mug", quantity=2, price=price),),
        total=total,
        created_at=now,
        expires_at=now + timedelta(minutes=15),
        principal="somebody",
    )
    async with shop.gateway.store.begin() as unit:
        await unit.carts.add(cart)
    taken = Reservation(
        name=f"cart:{CART}",
        amount=1,
        limit=1,
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=DEFAULT,
    )
    wanted = Wanted(
        purchase=Purchase(tenant=DEFAULT, purpose=Purpose.CART, resource=CART),
        lines=(OrderLine(description="A mug", quantity=2, unit=price),),
        amount=total,
        reservations=(taken,),
    )
    asked = Asked(request="", address="127.0.0.1")
    return await shop.gateway.services.checkouts.open(wanted, asked)


@pytest.mark.asyncio
class TestPaid:
    """A session that was paid."""

    async def test_it_is_granted_once(self, shop: CardShop) -> None:
        """The payment is settled, booked and told; the checkout is paid; it can be verified."""
        session = await shop.opened(couponCode="ONCE", metadata={"order": "17"})
        assert (await shop.verify(session)).code == "session_not_found"
        paid = shop.cards.pay(session, tax=Money(50, USD))
        for _ in range(3):
            await shop.told(paid)
        payment = await shop.payment(session)
        assert payment is not None
        assert (payment.state, payment.amount) == (State.SETTLED, Money(625, USD))
        assert (payment.payer, payment.coupons) == ("buyer@shop.example", ("ONCE",))
        assert (await shop.checkout(session)).state is CheckoutState.PAID
        assert await shop.redeemed("ONCE") == 1
        assert await shop.unpaid() == 0
        assert await shop.earned() == 625
        assert await shop.earned("stripe:tax") == 50
        assert await shop.earned(kind=AccountKind.WALLET) == -675
        (fact,) = await shop.facts("payment.succeeded")
        assert fact.body["stripeSessionId"] == session
        assert fact.body["stripeCustomer"] == "buyer@shop.example"
        assert (fact.body["method"], fact.body["fiatAmountCents"]) == ("stripe", 625)
        assert "wallet" not in fact.body

    async def test_it_is_verified_in_the_words_of_the_contract(self, quick: CardShop) -> None:
        """With what the client noted, and nothing of the provider's own."""
        session = await quick.opened(metadata={"order": "17"})
        await quick.told(quick.cards.pay(session))
        body = (await quick.verify(session)).body
        assert body.pop("paid_at").endswith("Z")
        assert body == {
            "verified": True,
            "resource_id": "mug",
            "amount": "12.50 USD",
            "customer": "buyer@shop.example",
            "metadata": {
                "order": "17",
                "shelf": "3",
                "plan": "ours",
                "status": "stripe",
                "session_id": session,
            },
        }

    async def test_it_is_no_transaction(self, quick: CardShop) -> None:
        """Where chains are asked about, nobody is told what a card or a coupon has paid."""
        session = await quick.opened()
        await quick.told(quick.cards.pay(session))
        free = await quick.opened(couponCode="FREE")
        for signature in (f"stripe:{session}", free):
            said = await ask(quick.client, f"{LOOKUP}?signature={signature}")
            assert (said.status, said.body["error"]["code"]) == (402, "transaction_not_found")

    async def test_what_is_complete_and_not_paid_grants_nothing(self, quick: CardShop) -> None:
        """Its money is on its way for days; it is granted when it arrives."""
        session = await quick.opened()
        paid = quick.cards.pay(session)
        await quick.told(evolve(paid, paid=False))
        assert await quick.payment(session) is None
        assert (await quick.checkout(session)).state is CheckoutState.OPEN
        await quick.told(paid)
        assert (await quick.verify(session)).status == 200

    async def test_what_costs_nothing_needs_no_money(self, quick: CardShop) -> None:
        """``no_payment_required`` is paid."""
        quick.cards.promotion = 1_250
        session = await quick.opened(couponCode="ALL")
        await quick.told(quick.cards.pay(session, payment=None))
        assert (await quick.verify(session)).body["amount"] == "0.00 USD"
        assert await quick.earned() == 0

    async def test_what_costs_nothing_and_was_left_grants_nothing(self, quick: CardShop) -> None:
        """Nothing is due in a session that nobody went through, and so it is not had."""
        quick.cards.promotion = 1_250
        session = await quick.opened(couponCode="ALL")
        left = evolve(quick.cards.pay(session, payment=None), status=SessionStatus.EXPIRED)
        await quick.told(left)
        assert (await quick.verify(session)).status == 404
        assert (await quick.checkout(session)).state is CheckoutState.EXPIRED
        assert not await quick.facts("payment.succeeded")

    async def test_a_cart_is_paid_with_it(self, shop: CardShop) -> None:
        """Once; the cart knows by what."""
        checkout = await with_a_cart(shop)
        assert checkout.session is not None
        await shop.told(shop.cards.pay(checkout.session))
        async with shop.gateway.store.view() as view:
            cart = await view.carts.get(DEFAULT, CART)
        assert cart is not None
        assert (cart.state, cart.paid_with) == (CartState.PAID, f"stripe:{checkout.session}")
        (fact,) = await shop.facts("payment.succeeded")
        assert (fact.body["resource"], fact.body["method"]) == (CART, "stripe")

    async def test_a_cart_that_was_paid_otherwise_is_not_paid_twice(self, shop: CardShop) -> None:
        """The money is kept to be given back, and what was reserved is free."""
        checkout = await with_a_cart(shop)
        assert checkout.session is not None
        now = shop.gateway.services.clock.now()
        async with shop.gateway.store.begin() as unit:
            await unit.carts.pay(DEFAULT, CART, "another", "somebody", now)
        for _ in range(2):
            await shop.told(shop.cards.pay(checkout.session))
        payment = await shop.payment(checkout.session)
        assert payment is not None
        assert payment.state is State.UNAPPLIED
        (refund,) = await shop.refunds(checkout.session)
        assert (refund.origin, refund.amount) == (UNAPPLIED, Money(2_500, USD))
        assert (await shop.checkout(checkout.session)).state is CheckoutState.FAILED
        assert not await shop.facts("payment.succeeded")


@pytest.mark.asyncio
class TestOver:
    """Sessions that ended without pay."""

    @pytest.mark.parametrize("how", ["expired", "failed"])
    async def test_what_was_reserved_is_given_back(self, quick: CardShop, how: str) -> None:
        """Once, however often it is told."""
        session = await quick.opened(couponCode="ONCE")
        over = evolve(quick.cards.sessions[session], status=SessionStatus.EXPIRED)
        for _ in range(2):
            await quick.told(over, "failed" if how == "failed" else "session")
        state = CheckoutState.FAILED if how == "failed" else CheckoutState.EXPIRED
        assert (await quick.checkout(session)).state is state
        assert (await quick.redeemed("ONCE"), await quick.unpaid()) == (0, 0)
        assert (await quick.verify(session)).status == 404

    @pytest.mark.parametrize("how", ["expired", "failed"])
    async def test_whoever_asks_by_its_id_is_told_that_it_is_over(
        self, quick: CardShop, how: str
    ) -> None:
        """And so may try again; of one that can be paid yet, or is paid back, nothing is told."""
        session, other = await quick.opened(), await quick.opened()
        over = evolve(quick.cards.sessions[session], status=SessionStatus.EXPIRED)
        await quick.told(over, "failed" if how == "failed" else "session")

        said, still = await quick.verify(session), await quick.verify(other)
        assert (said.code, said.body["error"]["details"]) == ("session_not_found", {"status": how})
        assert (still.code, "details" in still.body["error"]) == ("session_not_found", False)

    async def test_in_any_order_it_comes_to_the_same(self, quick: CardShop) -> None:
        """Paid, expired, failed, twice each, shuffled: paid it is, and counted once."""
        chance = random.Random(4)
        for _ in range(20):
            session = await quick.opened(couponCode="HALF")
            paid = quick.cards.pay(session)
            over = evolve(paid, status=SessionStatus.EXPIRED, paid=False)
            news = [(paid, "session"), (over, "session"), (over, "failed")] * 2
            chance.shuffle(news)
            for each, kind in news:
                await quick.told(each, kind)
            assert (await quick.checkout(session)).state is CheckoutState.PAID
        assert await quick.redeemed("HALF") == 20
        assert await quick.earned() == 20 * 625
        assert len(await quick.facts("payment.succeeded")) == 20

    async def test_at_once_it_comes_to_the_same(self, shop: CardShop) -> None:
        """And so it does while somebody looks after what is overdue."""
        sessions = [await shop.opened(couponCode="HALF") for _ in range(5)]
        news: list[tuple[Any, str]] = []
        for session in sessions:
            paid = shop.cards.pay(session)
            over = evolve(paid, status=SessionStatus.EXPIRED, paid=False)
            news += [(paid, "session"), (over, "session"), (over, "failed")] * 2
        looking = shop.gateway.services.overdue.run()
        await asyncio.gather(*(shop.told(each, kind) for each, kind in news), looking)
        await shop.catch_up()
        for session in sessions:
            assert (await shop.checkout(session)).state is CheckoutState.PAID
        assert (await shop.redeemed("HALF"), await shop.earned()) == (5, 5 * 625)
        assert len(await shop.facts("payment.succeeded")) == 5


Change = Callable[[Any], Any]


@pytest.mark.asyncio
class TestMismatches:
    """Authentic news of a session that is not what we have stored."""

    @pytest.mark.parametrize(
        ("change", "kept"),
        [
            pytest.param(lambda s: evolve(s, amount=Money(1, USD)), 1, id="amount"),
            pytest.param(lambda s: evolve(s, amount=Money(1_251, USD)), 1_251, id="more"),
            pytest.param(
                lambda s: evolve(s, metadata={**s.metadata, "tillway_tenant": "other"}),
                1_250,
                id="tenant",
            ),
            pytest.param(
                lambda s: evolve(s, metadata={**s.metadata, "tillway_purpose": "cart"}),
                1_250,
                id="purpose",
            ),
            pytest.param(
                lambda s: evolve(s, metadata={**s.metadata, "resource_id": "car"}),
                1_250,
                id="resource",
            ),
            pytest.param(lambda s: evolve(s, id="cs_other"), 1_250, id="session"),
        ],
    )
    async def test_nothing_is_granted_and_the_money_is_kept(
        self, quick: CardShop, change: Change, kept: int
    ) -> None:
        """Booked to whoever paid, told as unapplied, queued for a refund; once."""
        session = await quick.opened()
        told = change(quick.cards.pay(session))
        for _ in range(2):
            await quick.told(told)
        payment = await quick.payment(told.id)
        assert payment is not None
        assert (payment.state, payment.amount.minor) == (State.UNAPPLIED, kept)
        assert (await quick.verify(told.id)).status == 404
        assert (await quick.checkout(session)).state is not CheckoutState.PAID
        (refund,) = await quick.refunds(told.id)
        assert (refund.state, refund.amount.minor) == (RefundState.PENDING, kept)
        assert not await quick.facts("payment.succeeded")
        assert len(await quick.facts("payment.unapplied")) == 1
        assert await quick.earned("buyer@shop.example", AccountKind.CUSTOMER) == kept

    async def test_a_session_beside_it_ends_no_checkout(self, quick: CardShop) -> None:
        """The right one can still be paid."""
        session = await quick.opened()
        paid = quick.cards.pay(session)
        await quick.told(evolve(paid, id="cs_other"))
        await quick.told(paid)
        assert (await quick.verify(session)).status == 200

    @pytest.mark.parametrize("kind", ["session", "failed"])
    async def test_nor_does_one_that_is_over(self, quick: CardShop, kind: str) -> None:
        """What is reserved is kept as long as the right one can be paid."""
        session = await quick.opened(couponCode="ONCE")
        over = evolve(quick.cards.sessions[session], status=SessionStatus.EXPIRED, id="cs_other")
        await quick.told(over, kind)
        assert (await quick.checkout(session)).state is CheckoutState.OPEN
        assert await quick.redeemed("ONCE") == 1

    async def test_sessions_of_others_change_nothing(self, quick: CardShop) -> None:
        """Other shops share the account: their money is not ours to give back."""
        paid = quick.cards.pay(await quick.opened())
        for reference in (None, "checkout_unknown", "order-17"):
            await quick.told(evolve(paid, id="cs_theirs", reference=reference))
        assert await quick.payment("cs_theirs") is None

    async def test_a_price_in_another_currency_is_another(self, quick: CardShop) -> None:
        """1250 of something else is not 1250 dollars."""
        session = await quick.opened()
        euros = Money(1_250, BUILT_IN.by_code("EUR"))
        await quick.told(quick.cards.pay(session, amount=euros))
        payment = await quick.payment(session)
        assert payment is not None
        assert payment.state is State.UNAPPLIED


@pytest.mark.asyncio
class TestEvents:
    """Events as such: what is taken in, and what becomes of it."""

    @pytest.mark.parametrize("path", [WEBHOOK, f"/api{WEBHOOK}"])
    async def test_both_addresses_take_them(self, path: str) -> None:
        """Under the prefix and without."""
        async with card_shop(server={"route_prefix": "/api"}) as shop:
            said = await shop.tell(event("evt_1", "something.else", {}), path)
            assert (said.status, said.body) == (200, {"received": True, "type": "something.else"})
            page = await ask(shop.client, path)
            assert page.body["status"] == "listening"
            assert page.body["webhookUrl"].endswith(path)
            assert "checkout.session.completed" in page.body["configuredEvents"]

    @pytest.mark.parametrize(
        "how",
        [
            {"secret": b"whsec_other"},
            {"secret": b""},
            {"age": 301},
            {"age": -301},
            {"signed": b"another body"},
        ],
    )
    async def test_what_is_not_authentic_leaves_no_trace(
        self, quick: CardShop, how: dict[str, Any]
    ) -> None:
        """400 invalid_signature, and nothing is kept."""
        body = session_event("evt_1", quick.cards.pay(await quick.opened()))
        said = await quick.tell(body, **how)
        assert (said.status, said.code) == (400, "invalid_signature")
        assert not await quick.has_kept("evt_1")

    async def test_without_a_provider_all_are_refused(self) -> None:
        """An unsigned one too."""
        async with card_shop(Cards(source="another")) as shop:
            for headers in ({}, {"Stripe-Signature": "t=1,v1="}):
                said = await ask(shop.client, WEBHOOK, "POST", data=b"{}", headers=headers)
                assert (said.status, said.code) == (400, "invalid_signature")

    async def test_what_cannot_be_read_is_kept_and_never_applied(self, quick: CardShop) -> None:
        """It is answered, for it is authentic, and counted as a failure."""
        said = await quick.tell(event("evt_1", "session", {"id": "cs_1"}))
        assert said.status == 200
        kept = await quick.inbound("evt_1")
        assert (kept.applied_at, kept.attempts) == (None, 1)
        assert "invalid_field" in (kept.last_error or "")

    async def test_a_body_that_is_too_large_is_refused(self, quick: CardShop) -> None:
        """Before it is looked at."""
        large = BytesIO(b"x" * (1 << 20 | 1))
        said = await ask(quick.client, WEBHOOK, "POST", data=large)
        assert (said.status, said.code) == (413, "payload_too_large")

    async def test_what_a_crash_left_is_applied_by_whoever_looks(self, shop: CardShop) -> None:
        """Received and not applied: once, by one of many that look."""
        session = await shop.opened()
        body = session_event("evt_1", shop.cards.pay(session))
        incoming = shop.gateway.services.incoming
        late = incoming.clock.now() - 2 * QUIET
        await _received(shop, "evt_1", body, late)
        assert await shop.payment(session) is None
        await asyncio.gather(*(incoming.sweep() for _ in range(8)))
        assert (await shop.verify(session)).status == 200
        assert (await shop.inbound("evt_1")).applied_at is not None
        assert len(await shop.facts("payment.succeeded")) == 1

    async def test_the_same_event_at_once_is_applied_once(self, shop: CardShop) -> None:
        """Sixteen deliveries of it, and of another about the same session."""
        session = await shop.opened()
        paid = shop.cards.pay(session)
        bodies = [session_event(f"evt_{number % 2}", paid) for number in range(16)]
        said = await asyncio.gather(*(shop.tell(body) for body in bodies))
        assert {each.status for each in said} == {200}
        await shop.catch_up()
        assert len(await shop.facts("payment.succeeded")) == 1
        assert await shop.earned() == 1_250

    async def test_what_comes_while_many_are_applied_waits_for_a_sweep(
        self, quick: CardShop
    ) -> None:
        """It is kept and answered all the same."""
        session = await quick.opened()
        incoming = quick.gateway.services.incoming
        incoming.most_applying = 0
        await quick.told(quick.cards.pay(session))
        assert await quick.payment(session) is None
        incoming.most_applying = 4
        await quick.catch_up()
        assert (await quick.verify(session)).status == 200

    async def test_the_pages_repeat_nothing(self, quick: CardShop) -> None:
        """Whatever stands in the address, they are the same, and run nothing."""
        attack = "?session_id=%3Cscript%3Ealert(1)%3C/script%3E"
        for path in ("/stripe/success", "/stripe/cancel"):
            plain, told = await ask(quick.client, path), await ask(quick.client, path + attack)
            assert (plain.status, plain.raw) == (200, told.raw)
            assert b"script" not in told.raw
            assert told.headers["Content-Type"].startswith("text/html")
            assert told.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def _received(shop: CardShop, name: str, body: bytes, at: datetime) -> None:
    """Keep an event as a process does that dies before it applies it."""
    kept = Inbound(
        tenant=DEFAULT, source="stripe", id=name, type="session", received_at=at, body=body
    )
    async with shop.gateway.store.begin() as unit:
        await unit.inbox.receive(kept)


@pytest.mark.asyncio
class TestOnMongo:
    """The same on MongoDB, where several writes are one document."""

    async def test_a_life_of_a_payment(self, on_mongo: CardShop) -> None:
        """Paid, refunded in part, disputed and won, each told three times at once."""
        shop, session = on_mongo, await on_mongo.opened(couponCode="ONCE")
        paid = shop.cards.pay(session)
        for number, body in enumerate(
            (
                session_event("evt_paid", paid),
                refund_event("evt_back", "pi_1", 100),
                dispute_event("evt_gone", "pi_1", OPEN, 1),
                dispute_event("evt_here", "pi_1", WON, 2),
            )
        ):
            said = await asyncio.gather(*(shop.tell(body) for _ in range(3)))
            assert {each.status for each in said} == {200}, number
            await shop.catch_up()
        payment = await shop.payment(session)
        assert payment is not None
        assert payment.state is State.SETTLED
        assert (await shop.verify(session)).status == 200
        assert (await shop.redeemed("ONCE"), await shop.earned()) == (1, 525)
        assert len(await shop.facts("payment.reversed")) == 1

    async def test_a_cart_is_paid_once(self, on_mongo: CardShop) -> None:
        """By sixteen deliveries of it."""
        checkout = await with_a_cart(on_mongo)
        assert checkout.session is not None
        paid = on_mongo.cards.pay(checkout.session)
        bodies = [session_event(f"evt_{number % 4}", paid) for number in range(16)]
        said = await asyncio.gather(*(on_mongo.tell(body) for body in bodies))
        assert {each.status for each in said} == {200}
        await on_mongo.catch_up()
        assert len(await on_mongo.facts("payment.succeeded")) == 1
        assert await on_mongo.earned() == 2_500

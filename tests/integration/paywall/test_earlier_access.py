"""What was bought before opens it again: a subscription, and a session paid by card."""

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from attrs import define, evolve, field
from multidict import CIMultiDict

from support.chain import Wallet
from support.members import month_of
from support.shop import RESOURCES, Shop, open_shop
from tillway.core.assets import USD
from tillway.core.checkouts import Checkout, CheckoutId, CheckoutState
from tillway.core.errors import Code
from tillway.core.ids import ProductId, RefundId
from tillway.core.money import Money
from tillway.core.payments import (
    Asked,
    Chain,
    Failed,
    Payment,
    PaymentKey,
    Purchase,
    Settled,
    State,
)
from tillway.core.quotes import Purpose
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.paying.arrivals import arrived
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.paywall.access import Subscribers
from tillway.entrypoints.paywall.core import Admitted, Decision, Paywall, purchase_of
from tillway.entrypoints.paywall.replies import Reply
from tillway.entrypoints.paywall.request import Request

CLUB = {
    "description": "A club",
    "crypto_atomic_amount": 900_000,
    "crypto_token": "USDC",
    "subscription": {"billing_period": "month", "allow_x402": True},
}
URL = "https://books.example/chapter"
SESSION = "cs_test_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6"


@define
class Readers:
    """Who has subscribed to what."""

    known: set[tuple[str, str]] = field(factory=set)

    async def has_access(self, tenant: Tenant, product: ProductId, subscriber: str) -> bool:
        """Look it up."""
        return tenant == DEFAULT and (product, subscriber) in self.known


@define
class Gate:
    """A paywall, and who may be let in."""

    shop: Shop
    readers: Readers
    paywall: Paywall

    async def ask(
        self, resource: str = "article", method: str = "GET", query: str = "", **headers: str
    ) -> Decision:
        """Ask for a chapter."""
        request = Request(
            method=method,
            path="/chapter",
            query=query,
            url=URL,
            headers=CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()}),
            body=b"",
            address="198.51.100.7",
            certain=True,
        )
        return await self.paywall.decide(request, purchase_of(request, resource))

    def word(self, reader: Wallet, message: str = "", age: int = 0) -> dict[str, str]:
        """Have a reader sign that he wants in, or something else."""
        now = int(self.shop.clock.now().timestamp()) - age
        text = message or f"access:{URL}:{now}"
        signature = bytes(reader.keypair.sign_message(text.encode()))
        return {
            "X-Signer": str(reader.address),
            "X-Message": text,
            "X-Signature": base64.b64encode(signature).decode(),
        }


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    async with open_shop() as shop:
        services, readers = shop.gateway.services, Readers()
        subscribers = Subscribers(known=readers, rails=services.rails, clock=shop.clock)
        yield Gate(shop, readers, Paywall(services=services, subscribers=subscribers))


def is_turned_away(decision: Decision, status: int = 402) -> bool:
    return isinstance(decision, Reply) and decision.status == status


class TestSubscribers:
    @pytest.fixture
    def reader(self, gate: Gate) -> Wallet:
        reader = Wallet()
        gate.readers.known.add(("article", str(reader.address)))
        return reader

    async def test_whoever_signs_is_let_in(self, gate: Gate, reader: Wallet) -> None:
        """As often as he likes; no payment is behind it."""
        decision = await gate.ask(**gate.word(reader))

        assert isinstance(decision, Admitted)
        assert (decision.method, decision.payer) == ("subscription", str(reader.address))
        assert decision.grant["method"] == "subscription"
        assert decision.payment is None
        assert await gate.shop.gateway.door.once.turn(decision) is None

    async def test_the_name_alone_opens_nothing(self, gate: Gate, reader: Wallet) -> None:
        """Not as X-Wallet, and not as a signer who has not signed."""
        address = str(reader.address)
        forged = {**gate.word(Wallet()), "X-Signer": address}
        assert is_turned_away(await gate.ask(X_Wallet=address))
        assert is_turned_away(await gate.ask(X_Signer=address))
        assert is_turned_away(await gate.ask(**forged))

    @pytest.mark.parametrize(
        "message",
        [
            "access:https://books.example/chapter:soon",
            "access:https://books.example/chapter:٣٣٣",
            "access:https://books.example/chapter:99999999999999999999999",
            "access:https://evil.example/chapter:{now}",
            "access:article:{now}",
            "hello",
            "repeat-payment:abc:{now}",
        ],
    )
    async def test_only_a_word_for_this_address_counts(
        self, gate: Gate, reader: Wallet, message: str
    ) -> None:
        """What was signed for another site, or another purpose, opens nothing here."""
        now = int(gate.shop.clock.now().timestamp())
        assert is_turned_away(await gate.ask(**gate.word(reader, message.format(now=now))))

    @pytest.mark.parametrize("age", [-301, 301, 86_400])
    async def test_an_old_word_counts_no_more(self, gate: Gate, reader: Wallet, age: int) -> None:
        """Nor one from the future: five minutes either way."""
        assert is_turned_away(await gate.ask(**gate.word(reader, age=age)))

    async def test_only_what_was_subscribed_to(self, gate: Gate, reader: Wallet) -> None:
        """Everything else is offered."""
        assert is_turned_away(await gate.ask("book", **gate.word(reader)))


class TestOurSubscriptions:
    async def test_a_running_one_opens_what_it_is_of(self) -> None:
        """The gateway's own paywall asks its own books; once it is over, it opens nothing."""
        club = {"resources": {**RESOURCES, "club": CLUB}}
        async with open_shop(paywall=club, subscriptions={"enabled": True}) as shop:
            gate = Gate(shop, Readers(), shop.gateway.door.paywall)
            reader, now = Wallet(), shop.clock.now()
            running = month_of("club", str(reader.address), now)
            async with shop.gateway.store.begin() as unit:
                assert await unit.subscriptions.add(running)
            inside = await gate.ask("club", **gate.word(reader))
            outside = await gate.ask("club", **gate.word(Wallet()))
            shop.clock.forward(timedelta(days=40))
            later = await gate.ask("club", **gate.word(reader))

        assert isinstance(inside, Admitted)
        assert inside.method == "subscription"
        assert is_turned_away(outside)
        assert is_turned_away(later)


async def sold_by_card(shop: Shop, resource: str = "article", session: str = SESSION) -> Payment:
    """Write a session that has been paid, and its payment."""
    now = shop.clock.now()
    amount = Money(minor=500, asset=USD)
    bought = Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource=resource)
    checkout = Checkout(
        id=CheckoutId(f"checkout-{session[-6:]}"),
        tenant=DEFAULT,
        provider="stripe",
        purchase=bought,
        amount=amount,
        created_at=now,
        expires_at=now + timedelta(hours=24),
        state=CheckoutState.OPEN,
        session=session,
    )
    paid = evolve(checkout, state=CheckoutState.PAID, paid_at=now, paid_with="pi_1")
    payment = payment_of(shop, bought, session, amount)
    ended = arrived(payment, now, Settled(signature=payment.signature))
    async with shop.gateway.store.begin() as unit:
        assert await unit.checkouts.add(checkout) is True
        assert await unit.checkouts.move(paid, {CheckoutState.OPEN})
        await unit.payments.claim(payment)
        assert await unit.payments.settle(ended, facts_of(ended), entries_of(ended))
    return ended


def payment_of(shop: Shop, bought: Purchase, session: str, amount: Money) -> Payment:
    """Give the claim on what a session brought."""
    now = shop.clock.now()
    return Payment(
        chain=Chain("stripe"),
        key=PaymentKey(hashlib.sha256(f"stripe:{session}".encode()).hexdigest()),
        purchase=bought,
        asked=Asked(request="", address=""),
        rail="stripe",
        method="stripe",
        amount=amount,
        payer="cus_1",
        pay_to="",
        signature=f"stripe:{session}",
        signed=b"",
        quote_id=None,
        coupons=(),
        last_valid_height=0,
        seen_height=0,
        seen_slot=0,
        owner="test",
        lease_until=now + timedelta(seconds=5),
        created_at=now,
        reservations=(),
    )


async def paid_back(shop: Shop, payment: Payment, cents: int) -> None:
    """Write that some of it was paid back."""
    now = shop.clock.now()
    refund = Refund(
        id=RefundId(f"refund_{cents:032x}"),
        tenant=DEFAULT,
        purchase=payment.signature,
        recipient=payment.payer,
        amount=Money(minor=cents, asset=USD),
        created_at=now,
        expires_at=now,
    )
    done = evolve(refund, state=RefundState.PROCESSED, processed_at=now)
    async with shop.gateway.store.begin() as unit:
        assert await unit.refunds.add(refund, payment.amount)
        assert await unit.refunds.move(done, {RefundState.PENDING})


class TestSessions:
    async def test_a_paid_one_opens_what_it_bought(self, gate: Gate) -> None:
        """Its id is the buyer's secret, and never stands in an open answer."""
        await sold_by_card(gate.shop)
        decision = await gate.ask(X_Stripe_Session=SESSION)

        assert isinstance(decision, Admitted)
        assert decision.method == "stripe"
        assert decision.payment is not None

    @pytest.mark.parametrize(
        "session", ["cs_test_unknownunknown", "stripe:x", "x" * 9000, "cs_test_'; --", "é"]
    )
    async def test_another_is_not_found(self, gate: Gate, session: str) -> None:
        """Unknown or malformed, the answer is one."""
        await sold_by_card(gate.shop)
        assert is_turned_away(await gate.ask(X_Stripe_Session=session), 404)

    async def test_not_for_another_product(self, gate: Gate) -> None:
        """The cheapest thing does not open the dearest."""
        await sold_by_card(gate.shop)
        assert is_turned_away(await gate.ask("course", X_Stripe_Session=SESSION), 404)

    async def test_not_unpaid(self, gate: Gate) -> None:
        """An open session is a wish."""
        now = gate.shop.clock.now()
        checkout = Checkout(
            id=CheckoutId("open"),
            tenant=DEFAULT,
            provider="stripe",
            purchase=Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource="article"),
            amount=Money(minor=500, asset=USD),
            created_at=now,
            expires_at=now + timedelta(hours=24),
            state=CheckoutState.OPEN,
            session=SESSION,
        )
        async with gate.shop.gateway.store.begin() as unit:
            await unit.checkouts.add(checkout)
        assert is_turned_away(await gate.ask(X_Stripe_Session=SESSION), 404)

    async def test_not_once_it_was_paid_back(self, gate: Gate) -> None:
        """All of it: what was paid back in part may have been for something else."""
        payment = await sold_by_card(gate.shop)
        await paid_back(gate.shop, payment, 200)
        in_part = await gate.ask(X_Stripe_Session=SESSION)
        await paid_back(gate.shop, payment, 300)

        assert isinstance(in_part, Admitted)
        assert is_turned_away(await gate.ask(X_Stripe_Session=SESSION), 404)

    async def test_not_while_its_money_is_disputed(self, gate: Gate) -> None:
        """A bank has taken it back: once the dispute is won, it opens again."""
        payment = await sold_by_card(gate.shop)
        now = gate.shop.clock.now()
        why = Failed(code=Code.TRANSACTION_FAILED, reason="disputed: fraudulent")
        gone = evolve(payment.reversed(now, why), watched=False)
        back = arrived(gone, now, Settled(signature=payment.signature))
        for stands, was in ((gone, State.SETTLED), (back, State.REVERSED)):
            async with gate.shop.gateway.store.begin() as unit:
                assert await unit.payments.amend(stands, was, facts_of(stands), entries_of(stands))
            said = await gate.ask(X_Stripe_Session=SESSION)
            assert isinstance(said, Admitted) or is_turned_away(said, 404)
            assert isinstance(said, Admitted) is (stands is back)

    async def test_not_for_ever(self, gate: Gate) -> None:
        """A month after it was paid it is an old one."""
        await sold_by_card(gate.shop)
        gate.shop.clock.forward(timedelta(days=29))
        in_time = await gate.ask(X_Stripe_Session=SESSION)
        gate.shop.clock.forward(timedelta(days=2))
        late = await gate.ask(X_Stripe_Session=SESSION)

        assert isinstance(in_time, Admitted)
        assert is_turned_away(late, 404)

    async def test_it_opens_once(self, gate: Gate) -> None:
        """The same request has the same answer again; another request finds it used."""
        await sold_by_card(gate.shop)
        once = gate.shop.gateway.door.once
        first = await gate.ask(X_Stripe_Session=SESSION)
        other = await gate.ask(query="page=2", X_Stripe_Session=SESSION)
        assert isinstance(first, Admitted)
        assert isinstance(other, Admitted)

        turn = await once.turn(first)
        assert turn is not None
        await turn.answered(200, {"Content-Type": "text/plain"}, b"chapter 1")  # type: ignore[union-attr]  # a turn, as nobody had it before
        again = await once.turn(first)
        assert again.body == b"chapter 1"  # type: ignore[union-attr]  # an answer, as it was kept
        with pytest.raises(Exception, match="payment_already_used"):
            await once.turn(other)

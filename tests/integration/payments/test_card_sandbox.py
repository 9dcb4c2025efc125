"""Cards by the real adapter, over HTTP, with the sandbox's Stripe at the other end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
import stripe
from attrs import define, field
from prometheus_client.parser import text_string_to_metric_families

from support.refunds import REFUNDS, approve
from support.shop import Answer, Shop, v2_header
from support.whole_shop import open_whole_shop
from support.words import signed_headers
from tillway.adapters.heads import HeadSignatures
from tillway.core.assets import USD
from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import Payment, State
from tillway.core.refunds import RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.stripe import Fault, Kind, Served

OPENED: Final = "checkout.sessions.create"
BREAKER: Final = {"stripe_api": {"timeout": "200ms"}}
PRICE: Final = 1_250


@define
class Till:
    """A shop with a card terminal."""

    shop: Shop
    provider: Served
    sdk: stripe.StripeClient = field(repr=False)

    async def open(self, resource: str = "mug", **body: Any) -> Answer:
        """Ask for a session."""
        return await self.shop.post("/paywall/v1/stripe-session", {"resource": resource, **body})

    async def opened(self, resource: str = "mug", **body: Any) -> str:
        """Ask for a session and give its id."""
        said = await self.open(resource, **body)
        assert said.status == 200, said.body
        return str(said.body["sessionId"])

    async def buy(self, **body: Any) -> str:
        """Pay on the page, and have everybody told."""
        said = await self.open(**body)
        url = f"{said.body['url']}/pay"
        async with self.shop.http.post(url, allow_redirects=False) as answer:
            assert answer.status == 303
        await self.provider.delivered()
        return str(said.body["sessionId"])

    async def verify(self, session: str) -> Answer:
        """Ask whether a session was paid."""
        return await self.shop.get(f"/paywall/v1/stripe-session/verify?session_id={session}")

    async def payment(self, session: str) -> Payment:
        """Give what a session has paid."""
        async with self.shop.gateway.store.view() as view:
            found = await view.payments.by_signature(DEFAULT, f"stripe:{session}")
        assert found is not None
        return found

    async def checkout(self, session: str) -> Checkout:
        """Give the checkout of a session."""
        async with self.shop.gateway.store.view() as view:
            found = await view.checkouts.by_session(DEFAULT, "stripe", session)
        assert found is not None
        return found

    async def refunded(self, session: str) -> int:
        """Give how much has gone back."""
        async with self.shop.gateway.store.view() as view:
            found = await view.refunds.of(DEFAULT, f"stripe:{session}")
        return sum(each.amount.minor for each in found if each.state is RefundState.PROCESSED)


@asynccontextmanager
async def till() -> AsyncIterator[Till]:
    """Serve both."""
    async with open_whole_shop(background=False, circuit_breaker=BREAKER) as whole:
        http = stripe.AIOHTTPClient(timeout=10, session=whole.shop.http)
        sdk = stripe.StripeClient(
            whole.stripe.secret_key,
            base_addresses={"api": whole.stripe.url},
            http_client=http,
            max_network_retries=0,
        )
        yield Till(whole.shop, whole.stripe, sdk)


@pytest.fixture
async def one() -> AsyncIterator[Till]:
    """Give a till."""
    async with till() as made:
        yield made


@pytest.mark.asyncio
class TestBuying:
    """From the price to the grant."""

    async def test_a_mug_is_bought_on_the_page(self, one: Till) -> None:
        """Stripe charges our price, less the coupon, and the webhook grants it."""
        session = await one.buy(couponCode="HALF", customerEmail="a@shop.example")
        at_stripe = await one.sdk.v1.checkout.sessions.retrieve_async(session)
        assert at_stripe.amount_total == PRICE // 2
        said = await one.verify(session)
        assert (said.status, said.body["amount"]) == (200, "6.25 USD")
        assert said.body["resource_id"] == "mug"
        payment = await one.payment(session)
        assert (payment.state, payment.coupons) == (State.SETTLED, ("HALF",))

    async def test_money_that_takes_days(self, one: Till) -> None:
        """Complete and unpaid grants nothing; the bank's word decides."""
        for paid, status, state in (
            (True, 200, CheckoutState.PAID),
            (False, 404, CheckoutState.FAILED),
        ):
            session = await one.opened()
            one.provider.switches.pay_slowly(session)
            await one.provider.delivered()
            assert (await one.verify(session)).status == 404
            one.provider.switches.settle(session, paid=paid)
            await one.provider.delivered()
            assert (await one.verify(session)).status == status
            assert (await one.checkout(session)).state is state

    async def test_a_promotion_code_of_stripes_comes_off(self, one: Till) -> None:
        """What is left is what we compare with."""
        coupon = await one.sdk.v1.coupons.create_async({"percent_off": 20, "duration": "once"})
        await one.sdk.v1.promotion_codes.create_async(
            {"code": "SUMMER", "promotion": {"type": "coupon", "coupon": coupon.id}}
        )
        session = await one.buy(couponCode="SUMMER")
        assert (await one.verify(session)).body["amount"] == "10.00 USD"
        assert (await one.checkout(await one.opened(couponCode="NOBODYS"))).amount is not None

    async def test_an_expired_session_gives_back_what_it_held(self, one: Till) -> None:
        """Stripe tells it."""
        session = await one.opened(couponCode="ONCE")
        await one.sdk.v1.checkout.sessions.expire_async(session)
        await one.provider.delivered()
        assert (await one.checkout(session)).state is CheckoutState.EXPIRED
        assert (await one.checkout(await one.opened(couponCode="ONCE"))).amount is not None


@pytest.mark.asyncio
class TestAfterwards:
    """What happens in Stripe's dashboard, and at banks."""

    async def test_refunds_are_taken_as_they_come(self, one: Till) -> None:
        """In part, and the rest."""
        session = await one.buy()
        money = (await one.checkout(session)).paid_with
        assert money is not None
        for amount, sum_ in ((300, 300), (950, 1_250)):
            await one.sdk.v1.refunds.create_async({"payment_intent": money, "amount": amount})
            await one.provider.delivered()
            assert await one.refunded(session) == sum_

    async def test_a_dispute_reverses_until_it_is_won(self, one: Till) -> None:
        """Then it is granted again."""
        session = await one.buy()
        money = (await one.checkout(session)).paid_with
        assert money is not None
        dispute = one.provider.switches.dispute(money)
        await one.provider.delivered()
        assert (await one.payment(session)).state is State.REVERSED
        assert (await one.verify(session)).status == 404
        one.provider.switches.close_dispute(dispute["id"], won=True)
        await one.provider.delivered()
        assert (await one.payment(session)).state is State.SETTLED
        assert (await one.verify(session)).status == 200

    async def test_stripes_balance_and_our_books_agree(self, one: Till) -> None:
        """Whatever part is refunded or disputed, and in which order: reconcile finds nothing."""
        for amounts in ((300, 400, True), (300, 950, False), (None, 500, False), (250, None, True)):
            session = await one.buy()
            money = (await one.checkout(session)).paid_with
            assert money is not None
            refunded, disputed, won = amounts
            if refunded is not None:
                refund = {"payment_intent": money, "amount": refunded}
                await one.sdk.v1.refunds.create_async(refund)  # type: ignore[arg-type]  # a dict
            dispute = one.provider.switches.dispute(money, disputed)
            await one.provider.delivered()
            assert await self._booked(one) == self._balance(one), amounts
            one.provider.switches.close_dispute(dispute["id"], won=won)
            await one.provider.delivered()
            assert await self._booked(one) == self._balance(one), amounts
            gone = not won and (refunded or 0) + (disputed or PRICE) >= PRICE
            assert (await one.verify(session)).status == (404 if gone else 200), amounts
        one.shop.clock.forward(timedelta(hours=1))
        gateway = one.shop.gateway
        audit = Audit(store=gateway.store, signatures=HeadSignatures())
        report = await Reconcile(
            store=gateway.store, rails=gateway.rails, now=one.shop.clock.now, audit=audit
        ).run()
        assert not report.findings.kept, report.findings.kept

    async def _booked(self, one: Till) -> int:
        """Give what our books say that lies at Stripe."""
        wallet = Account(AccountKind.WALLET, "stripe")
        async with one.shop.gateway.store.view() as view:
            return -(await view.ledger.balance(DEFAULT, wallet, USD)).total

    def _balance(self, one: Till) -> int:
        """Give what Stripe has: charges, less refunds and what disputes have taken."""
        shelves = one.provider.account.shelves
        disputes = [each["amount"] for each in shelves.of("dispute") if each["status"] != "won"]
        charges = [each["amount"] - each["amount_refunded"] for each in shelves.of("charge")]
        return int(sum(charges) - sum(disputes))


@pytest.mark.asyncio
class TestMoneyBack:
    """Asked for here, decided here, and paid back by Stripe."""

    async def asked(self, one: Till, session: str, amount: float | None = None) -> Answer:
        """Ask for a refund as the merchant does."""
        body: dict[str, Any] = {"originalPurchaseId": f"stripe:{session}"}
        if amount is not None:
            body["amount"] = amount
        words = signed_headers(one.shop.merchant.keypair, f"request-refund:stripe:{session}")
        return await one.shop.post(f"{REFUNDS}/request", body, words)

    async def test_in_parts_and_whole(self, one: Till) -> None:
        """Stripe has what we have, its own news of it change nothing, and the books agree."""
        session = await one.buy(customerEmail="a@shop.example")
        money = (await one.checkout(session)).paid_with
        assert money is not None
        known = []
        for amount in (3.0, 9.5):
            asked = await self.asked(one, session, amount)
            answer = await approve(one.shop, asked.body["refundId"])
            assert answer.body["status"] == "processed", answer.body
            await one.provider.delivered()
            await one.shop.gateway.services.incoming.sweep()
            known.append((await one.verify(session)).status)
        more = await self.asked(one, session, 0.01)

        at_stripe = await one.sdk.v1.refunds.list_async({"payment_intent": money})
        assert sorted(each.amount for each in at_stripe.data) == [300, 950]
        assert await one.refunded(session) == PRICE
        assert more.code == "refund_already_processed"
        assert known == [200, 404]
        told = [event.type for event in await one.shop.events()]
        assert told.count("refund.succeeded") == 2
        store = one.shop.gateway.store
        report = await Audit(store=store, signatures=HeadSignatures()).run()
        assert report.is_sound, report.faults

    async def test_while_stripe_is_away_it_waits(self, one: Till) -> None:
        """And is paid back once when it is there again."""
        session = await one.buy()
        refund = (await self.asked(one, session)).body["refundId"]
        one.provider.faults.add(Kind.DROP, "POST /v1/refunds", None, effective=True)
        one.provider.faults.add(Kind.DROP, "GET *", None)
        answer = await approve(one.shop, refund)
        assert (answer.status, answer.body["status"]) == (200, "approved"), answer.body
        one.provider.faults.clear()
        for _ in range(3):
            await asyncio.sleep(0.25)
            await one.shop.gateway.services.refunding.by_provider.sweep()

        assert await one.refunded(session) == PRICE
        money = (await one.checkout(session)).paid_with
        assert money is not None
        at_stripe = await one.sdk.v1.refunds.list_async({"payment_intent": money})
        assert [each.amount for each in at_stripe.data] == [PRICE]


@pytest.mark.asyncio
class TestTrouble:
    """Stripe away, or its answers."""

    async def test_without_stripe_the_breaker_opens_and_x402_goes_on(self, one: Till) -> None:
        """502, retryable, and soon without asking; a wallet still pays."""
        fault = Fault(kind=Kind.HTTP_500, times=None, remembered=False)
        one.provider.faults.spoiled.append(fault)
        for _ in range(6):
            said = await one.open()
            assert (said.status, said.code) == (502, "stripe_error")
            assert said.body["error"]["retryable"] is True
        offer = (await one.shop.offer()).offer
        header = v2_header(one.shop.sign(one.shop.buyer(), offer), offer)
        assert (await one.shop.get("/paywall/article", header)).status == 200
        one.provider.faults.clear()
        await asyncio.sleep(0.25)
        assert (await one.verify(await one.buy())).status == 200

    async def test_a_lost_answer_opens_nothing_that_stays(self, one: Till) -> None:
        """The session that nobody was told of is found by our id, and ended."""
        one.provider.faults.add(Kind.HTTP_500, "POST /v1/checkout/*", None, effective=True)
        one.provider.faults.add(Kind.HTTP_500, "GET *", None)
        said = await one.open(couponCode="ONCE")
        assert (said.status, said.code) == (502, "stripe_error")
        one.provider.faults.clear()
        one.shop.clock.forward(timedelta(minutes=10))
        await one.shop.gateway.services.overdue.run()
        (session,) = (await one.sdk.v1.checkout.sessions.list_async({})).data
        assert session.status == "expired"
        assert (await one.checkout(session.id)).state is CheckoutState.EXPIRED
        assert (await one.checkout(await one.opened(couponCode="ONCE"))).amount is not None

    async def test_webhooks_that_never_came_are_made_up_for(self, one: Till) -> None:
        """A paid session is found when its time is over."""
        one.provider.outbox.endpoints.clear()
        session = await one.buy()
        assert (await one.verify(session)).status == 404
        one.shop.clock.forward(timedelta(hours=25))
        await one.shop.gateway.services.overdue.run()
        assert (await one.verify(session)).status == 200


@pytest.mark.asyncio
class TestCounted:
    """What operators see of Stripe at /metrics."""

    async def test_calls_are_counted_by_what_came_of_them(self, one: Till) -> None:
        """Every try, with how long it took; what was not sent took no time."""
        await one.buy()
        one.provider.faults.add(Kind.HTTP_500, times=2)
        assert (await one.open()).status == 200
        one.provider.faults.add(Kind.HTTP_429, times=None)
        assert (await one.open()).status == 502
        one.provider.faults.clear()
        one.provider.faults.add(Kind.DROP, times=None)
        assert (await one.open()).status == 502
        seen = await self.seen(one, "provider_calls_total")
        create = {what[1]: count for what, count in seen.items() if what[0] == OPENED}
        assert create == {
            "ok": 2.0,
            "http_5xx": 2.0,
            "rate_limit": 3.0,
            "connection": 2.0,  # with the third one in a row the circuit opens
            "circuit_open": 1.0,
        }
        took = await self.seen(one, "provider_call_duration_seconds_count")
        assert took[OPENED,] == sum(create.values()) - create["circuit_open"]

    async def test_a_no_is_told_apart_from_silence(self, one: Till) -> None:
        """It is an answer."""
        rail = one.shop.gateway.services.checkouts.rail()
        assert await rail.retrieve("cs_test_unknown") is None
        seen = await self.seen(one, "provider_calls_total")
        assert seen == {("checkout.sessions.retrieve", "refused"): 1.0}

    async def test_events_are_counted_by_what_came_of_them(self, one: Till) -> None:
        """Those that are not Stripe's too."""
        await one.buy()
        forged = {"Stripe-Signature": "t=1,v1=00"}
        assert (await one.shop.post("/webhook/stripe", {"id": "evt_1"}, forged)).status == 400
        seen = await self.seen(one, "events_heard_total")
        assert seen.pop(("refused", "stripe")) == 1.0
        assert seen.keys() == {("applied", "stripe")}
        assert seen["applied", "stripe"] >= 1.0

    async def seen(self, one: Till, name: str) -> dict[tuple[str, ...], float]:
        """Give the samples of a metric by their labels, but for the provider's name."""
        text = (await one.shop.get("/metrics")).body
        found: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"tillway_{name}":
                    assert sample.labels.pop("provider", "stripe") == "stripe"
                    what = (value for _, value in sorted(sample.labels.items()))
                    found[tuple(what)] = sample.value
        return found

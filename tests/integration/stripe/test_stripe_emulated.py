"""The rail and the sandbox's Stripe, which know nothing of each other: a shop's whole life."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import stripe
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from attrs import define, field

from support.manual_clock import ManualClock
from support.stripe_rails import checkout, dollars, guard, order
from tillway.adapters.stripe.client import Api
from tillway.adapters.stripe.config import StripeConfig
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined, Unsettled
from tillway.core.ids import ProductId
from tillway.core.ports.hosting import (
    DisputeState,
    DisputeTold,
    HostedSession,
    InvoiceTold,
    News,
    NothingTold,
    Order,
    OrderLine,
    PayBack,
    PayBackState,
    PayBackTold,
    PlanChange,
    Proration,
    SessionStatus,
    SessionTold,
    SubscriptionTold,
)
from tillway.core.secrets import Secret
from tillway.core.subscriptions import SubscriptionState
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Account, Served, serve_stripe

SIGNS = Secret("whsec_shop")
MONTHLY = SubscriptionTerms(billing_period=BillingPeriod.MONTH)
YEARLY = SubscriptionTerms(billing_period=BillingPeriod.YEAR)


@define
class Shop:
    """The rail, and the news that it has made of what it was told."""

    rail: StripeRail
    served: Served
    news: list[News] = field(factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        """Take a webhook as the gateway would."""
        body = await request.read()
        self.rail.verify(request.headers, body)
        self.news.append(self.rail.translate(body))
        return web.Response()

    async def told(self) -> list[News]:
        """Wait for everything, and give what changes something."""
        await self.served.delivered()
        return [each for each in self.news if each != NothingTold()]

    async def bought(self, asked: Order) -> HostedSession:
        """Open a session, pay it, and give it as it then stands."""
        opened = await self.rail.open(asked)
        self.served.switches.pay(opened.id)
        found = await self.rail.retrieve(opened.id)
        assert found is not None
        return found


@pytest.fixture
async def served(clock: ManualClock) -> AsyncIterator[Served]:
    async with serve_stripe(Account(clock=lambda: clock.now().timestamp())) as made:
        yield made


@pytest.fixture
async def shop(served: Served, clock: ManualClock, version: str) -> AsyncIterator[Shop]:
    """Give a shop whose endpoint hears of everything, in one version of the API."""
    rail = StripeRail(
        config=StripeConfig(hosts=("shop.example",), webhook_secrets=(SIGNS,)),
        api=Api(key=Secret(SECRET_KEY), base=served.url, guard=guard(clock)),
        clock=clock,
        random=lambda count: bytes(count),
    )
    made = Shop(rail, served)
    application = web.Application()
    application.router.add_post("/webhook", made.hear)
    await rail.start()
    async with TestServer(application, host="127.0.0.1") as server:
        served.listen(str(server.make_url("/webhook")), SIGNS.reveal(), version=version)
        yield made
    await rail.aclose()


@pytest.fixture
def version() -> str:
    """Give the endpoint's version of the API: the newest."""
    return ""


@pytest.fixture
async def client(served: Served) -> AsyncIterator[stripe.StripeClient]:
    """Give the merchant's own access, as by the dashboard."""
    async with ClientSession() as session:
        http = stripe.AIOHTTPClient(timeout=10, session=session)
        yield stripe.StripeClient(
            SECRET_KEY, base_addresses={"api": served.url}, http_client=http, max_network_retries=0
        )


def plan(**changes: Any) -> Order:
    """Order a month at ten dollars."""
    line = OrderLine(description="Basic", unit=dollars(1000))
    return order(line, of=checkout(cents=1000), terms=MONTHLY, **changes)


class TestItems:
    async def test_an_item_is_sold(self, shop: Shop) -> None:
        """What we are told agrees with what we asked for."""
        opened = await shop.rail.open(order(metadata={"resource_id": "report"}))
        assert (opened.status, opened.amount) == (SessionStatus.OPEN, dollars(500))
        shop.served.switches.pay(opened.id)
        (news,) = await shop.told()

        assert isinstance(news, SessionTold)
        found = news.session
        assert found.paid
        assert (found.id, found.reference, found.amount) == (opened.id, "checkout_1", dollars(500))
        assert found.metadata["resource_id"] == "report"
        assert found.payment is not None

    async def test_a_cart_with_a_discount_costs_what_we_say(self, shop: Shop) -> None:
        """Any number of lines, to the cent."""
        lines = [
            OrderLine(description=f"Item {number}", unit=dollars(100 + number), quantity=2)
            for number in range(120)
        ]
        total = sum(2 * (100 + number) for number in range(120)) - 777
        found = await shop.bought(order(*lines, discount=dollars(777)))

        assert found.amount == dollars(total)

    async def test_what_is_free_is_paid(self, shop: Shop) -> None:
        """A discount of all that there is."""
        found = await shop.bought(order(discount=dollars(500)))

        assert found.paid
        assert found.amount == dollars(0)

    async def test_a_promotion_code_comes_off_at_stripe(
        self, shop: Shop, client: stripe.StripeClient
    ) -> None:
        """On top of our own discount."""
        half = await client.v1.coupons.create_async({"percent_off": 50, "duration": "once"})
        await client.v1.promotion_codes.create_async(
            {"promotion": {"type": "coupon", "coupon": half.id}, "code": "HALF"}
        )
        given = order(promotion_code="HALF", discount=dollars(100))

        assert (await shop.rail.open(given)).amount == dollars(200)

    async def test_money_that_takes_days_is_not_there_yet(self, shop: Shop) -> None:
        """Complete, then paid or failed."""
        for name, paid in (("a", True), ("b", False)):
            opened = await shop.rail.open(order(of=checkout(name)))
            shop.served.switches.pay_slowly(opened.id)
            await shop.told()
            shop.served.switches.settle(opened.id, paid=paid)
        news = [each for each in await shop.told() if isinstance(each, SessionTold)]

        assert [(each.session.reference, each.session.paid, each.failed) for each in news] == [
            ("checkout_a", False, False),
            ("checkout_a", True, False),
            ("checkout_b", False, False),
            ("checkout_b", False, True),
        ]

    async def test_an_open_one_is_ended_and_a_paid_one_is_not(self, shop: Shop) -> None:
        """Either way it is told how it stands."""
        opened = await shop.rail.open(order())
        bought = await shop.bought(order(of=checkout("2")))

        assert (await shop.rail.expire(opened.id)).status is SessionStatus.EXPIRED
        assert (await shop.rail.expire(opened.id)).status is SessionStatus.EXPIRED
        assert (await shop.rail.expire(bought.id)).status is SessionStatus.COMPLETE

    async def test_stripes_own_price_is_charged_where_it_is_the_same(
        self, shop: Shop, client: stripe.StripeClient
    ) -> None:
        """And ours where it is not; the doctor sees both."""
        product = await client.v1.products.create_async({"name": "Report"})
        price = await client.v1.prices.create_async(
            {"product": product.id, "currency": "usd", "unit_amount": 500}
        )
        for name, cents in (("a", 500), ("b", 499)):
            line = OrderLine(description="Report", unit=dollars(cents), price_id=price.id)
            opened = await shop.rail.open(order(line, of=checkout(name)))
            assert opened.amount == dollars(cents)
        sold = [
            Product(id=ProductId(name), fiat_price=dollars(cents), stripe_price_id=price.id)
            for name, cents in (("a", 500), ("b", 499))
        ]
        _, _, same, other = await shop.rail.examine(sold)

        assert (same.good, other.good) == (True, False)


class TestLostAnswers:
    async def test_a_session_whose_answer_was_lost_is_found(self, shop: Shop) -> None:
        """And there is one only, however often it was asked for."""
        shop.served.faults.add("http_500", "POST /v1/checkout/sessions", None, effective=True)
        with pytest.raises(Unsettled):
            await shop.rail.open(order())
        shop.served.faults.clear()
        found = await shop.rail.find(checkout())

        assert found is not None
        assert found.reference == "checkout_1"
        assert len(list(shop.served.account.shelves.newest("checkout.session"))) == 1

    async def test_one_that_was_never_opened_is_not_found(self, shop: Shop) -> None:
        """Whoever looked has seen all."""
        shop.served.faults.add("http_500", "POST /v1/checkout/sessions", None)
        with pytest.raises(Unsettled):
            await shop.rail.open(order())

        assert await shop.rail.find(checkout()) is None

    async def test_a_dropped_answer_is_mended_by_the_key(self, shop: Shop) -> None:
        """The repeat gives the first session."""
        shop.served.faults.add(
            "drop", "POST /v1/checkout/sessions", effective=True, remembered=False
        )

        opened = await shop.rail.open(order())
        assert opened.id == (await shop.rail.open(order())).id
        assert len(list(shop.served.account.shelves.newest("checkout.session"))) == 1

    async def test_a_refund_whose_answer_was_lost_is_made_once(
        self, shop: Shop, clock: ManualClock
    ) -> None:
        """Days later too, when Stripe has forgotten the key."""
        bought = await shop.bought(order())
        asked = PayBack(payment=str(bought.payment), amount=dollars(200), reference="refund_1")
        shop.served.faults.add("http_500", "POST /v1/refunds", None, effective=True)
        with pytest.raises(Unsettled):
            await shop.rail.pay_back(asked)
        shop.served.faults.clear()
        clock.move(timedelta(days=3).total_seconds())

        assert (await shop.rail.pay_back(asked)).amount == dollars(200)
        assert len(list(shop.served.account.shelves.newest("refund"))) == 1


class TestMoneyBack:
    async def test_parts_are_paid_back_and_no_more(self, shop: Shop) -> None:
        """Each once; Stripe's limit is said in our words."""
        bought = await shop.bought(order())
        for number in (1, 2):
            given = PayBack(
                payment=str(bought.payment), amount=dollars(200), reference=f"refund_{number}"
            )
            found = await shop.rail.pay_back(given)
            assert (found.state, found.reference) == (PayBackState.DONE, f"refund_{number}")
        with pytest.raises(Declined) as refused:
            await shop.rail.pay_back(
                PayBack(payment=str(bought.payment), amount=dollars(200), reference="refund_3")
            )
        told = [each for each in await shop.told() if isinstance(each, PayBackTold)]

        assert refused.value.code in (Code.INVALID_AMOUNT, Code.REFUND_ALREADY_PROCESSED)
        assert [each.total for each in told] == [dollars(200), dollars(400)]
        assert {each.payment for each in told} == {bought.payment}

    async def test_a_refund_that_a_bank_sends_back_is_told(self, shop: Shop) -> None:
        """By our reference."""
        bought = await shop.bought(order())
        asked = PayBack(payment=str(bought.payment), amount=dollars(200), reference="refund_1")
        made = await shop.rail.pay_back(asked)
        shop.served.switches.fail_refund(made.id)
        told = [each for each in await shop.told() if isinstance(each, PayBackTold)]

        (last,) = told[-1].refunds
        assert (last.reference, last.state) == ("refund_1", PayBackState.FAILED)

    async def test_a_dispute_is_told_to_its_end(self, shop: Shop) -> None:
        """Open, then won."""
        bought = await shop.bought(order())
        made = shop.served.switches.dispute(str(bought.payment))
        shop.served.switches.close_dispute(made["id"], won=True)
        told = [each for each in await shop.told() if isinstance(each, DisputeTold)]

        assert told[0].state is DisputeState.OPEN
        assert told[-1].state is DisputeState.WON
        assert {each.payment for each in told} == {bought.payment}


VERSIONS = pytest.mark.parametrize("version", ["", "2024-06-20"], ids=["newest", "before"])


class TestSubscriptions:
    @VERSIONS
    async def test_one_begins_and_renews(self, shop: Shop, clock: ManualClock) -> None:
        """Every event tells whose it is, in either shape."""
        bought = await shop.bought(plan())
        clock.move(timedelta(days=32).total_seconds())
        await _caught_up(shop)
        news = await shop.told()
        subscriptions = [each for each in news if isinstance(each, SubscriptionTold)]
        invoices = [each for each in news if isinstance(each, InvoiceTold)]

        assert bought.subscription is not None
        assert {each.subscription.reference for each in subscriptions} == {"checkout_1"}
        assert {each.subscription for each in invoices} == {bought.subscription}
        assert [each.amount for each in invoices] == [dollars(1000), dollars(1000)]
        first, second = sorted(invoices, key=lambda each: each.period_end)
        assert first.period_end == second.period_start
        assert bought.payment is not None

    @VERSIONS
    async def test_a_payment_that_fails_is_told(self, shop: Shop, clock: ManualClock) -> None:
        """And then the one that recovers it."""
        bought = await shop.bought(plan())
        shop.served.switches.fail_invoices(str(bought.subscription))
        clock.move(timedelta(days=32).total_seconds())
        await _caught_up(shop)
        shop.served.switches.recover(str(bought.subscription))
        news = await shop.told()
        states = [each.subscription.state for each in news if isinstance(each, SubscriptionTold)]
        paid = [each.paid for each in news if isinstance(each, InvoiceTold)]

        assert paid == [True, False, True]
        assert SubscriptionState.PAST_DUE in states
        assert states[-1] is SubscriptionState.ACTIVE

    async def test_a_trial_costs_nothing(self, shop: Shop) -> None:
        """Until it ends."""
        found = await shop.bought(plan(trial_days=14))
        now = await shop.rail.subscription(str(found.subscription))

        assert found.paid
        assert now is not None
        assert now.state is SubscriptionState.TRIALING
        assert now.trial_end == NOW.replace(microsecond=0) + timedelta(days=14)

    async def test_it_is_changed_as_was_foretold(self, shop: Shop) -> None:
        """To a plan that Stripe has no price of."""
        bought = await shop.bought(plan())
        change = PlanChange(
            subscription=str(bought.subscription),
            plan=OrderLine(description="More", unit=dollars(3000)),
            terms=MONTHLY,
            proration=Proration.ALWAYS_INVOICE,
            metadata={"resource_id": "more"},
            key="change_1",
        )
        foretold = await shop.rail.preview(change)
        changed = await shop.rail.change(change)
        repeated = await shop.rail.change(change)
        invoices = [each for each in await shop.told() if isinstance(each, InvoiceTold)]

        assert foretold.due == dollars(2000)
        assert invoices[-1].amount == foretold.due
        assert changed.metadata["resource_id"] == "more"
        assert changed.reference == "checkout_1"
        assert repeated == changed
        assert len(invoices) == 2

    async def test_it_ends_with_its_period_unless_that_is_taken_back(
        self, shop: Shop, clock: ManualClock
    ) -> None:
        """And now, if that is asked for; twice is once."""
        bought = await shop.bought(plan())
        id_ = str(bought.subscription)

        assert (await shop.rail.cancel(id_, at_period_end=True, key="a")).cancel_at_period_end
        assert not (await shop.rail.reactivate(id_, key="b")).cancel_at_period_end
        ended = await shop.rail.cancel(id_, at_period_end=False, key="c")
        again = await shop.rail.cancel(id_, at_period_end=False, key="d")
        assert ended.state is again.state is SubscriptionState.CANCELLED

    async def test_its_first_payment_goes_back(self, shop: Shop) -> None:
        """By the session's own name, as the newest events tell no other."""
        bought = await shop.bought(plan())
        asked = PayBack(payment=bought.id, amount=dollars(1000), reference="refund_1")

        assert (await shop.rail.pay_back(asked)).state is PayBackState.DONE

    async def test_a_renewal_goes_back(self, shop: Shop, clock: ManualClock) -> None:
        """By its invoice."""
        await shop.bought(plan())
        clock.move(timedelta(days=32).total_seconds())
        await _caught_up(shop)
        renewal = [each for each in await shop.told() if isinstance(each, InvoiceTold)][-1]
        asked = PayBack(payment=renewal.id, amount=dollars(1000), reference="refund_1")

        assert (await shop.rail.pay_back(asked)).state is PayBackState.DONE

    async def test_a_customer_has_a_page(self, shop: Shop) -> None:
        """Of his own."""
        bought = await shop.bought(plan())
        url = await shop.rail.portal(str(bought.customer), "https://shop.example/account")

        assert url.startswith(shop.served.url)


async def _caught_up(shop: Shop) -> None:
    """Have the account do what the clock says: any call does."""
    await shop.rail.retrieve("cs_none")

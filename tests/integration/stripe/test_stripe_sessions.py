from datetime import timedelta
from typing import Any

import pytest

from support.manual_clock import ManualClock
from support.stripe_objects import AT, listed, price, session
from support.stripe_rails import KEY, checkout, dollars, order, stripe_rail
from support.stripe_wire import Asked, Fault, Says, StripeWire, error
from tillway.adapters.stripe.config import API_VERSION
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.catalog import BillingPeriod, SubscriptionTerms
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined, Unsettled
from tillway.core.ports.hosting import Order, OrderLine, SessionStatus
from tillway.core.quotes import Purpose

SESSIONS = "/v1/checkout/sessions"
MONTHLY = SubscriptionTerms(billing_period=BillingPeriod.MONTH)
OPEN = session(status="open", payment_status="unpaid", url="https://pay.example/1")


@pytest.fixture
def shop(wire: StripeWire) -> StripeWire:
    """Answer what opening a session may ask."""
    wire.answer(
        {
            f"POST {SESSIONS}": Says(OPEN),
            "POST /v1/coupons": Says({"id": "tillway-checkout_1"}),
            "GET /v1/prices/price_1": Says(price()),
            "GET /v1/prices/price_month": Says(
                price(id="price_month", recurring={"interval": "month", "interval_count": 1})
            ),
            "GET /v1/promotion_codes": Says(
                listed(
                    {"id": "promo_0", "code": "SPRING", "active": False},
                    {"id": "promo_1", "code": "spring", "active": True},
                    {"id": "promo_2", "code": "SPRING", "active": True, "customer": "cus_9"},
                    {"id": "promo_3", "code": "SPRING", "active": True},
                )
            ),
        }
    )
    return wire


async def opened(rail: StripeRail, wire: StripeWire, asked: Order) -> Asked:
    """Open a session, and give the request that did it."""
    found = await rail.open(asked)
    assert found.url == "https://pay.example/1"
    (request,) = wire.to(SESSIONS)
    return request


def line(cents: int | None = 500, **changes: Any) -> OrderLine:
    """Give a line of one report."""
    unit = None if cents is None else dollars(cents)
    return OrderLine(**({"description": "A report", "unit": unit} | changes))


class TestAsking:
    async def test_a_session_is_asked_for_with_our_key_and_words(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Our id is its reference, its metadata, the payment's metadata and the key."""
        asked = await opened(rail, shop, order(metadata={"resource_id": "report"}))

        words = {
            "resource_id": "report",
            "tillway_checkout": "checkout_1",
            "tillway_tenant": "default",
            "tillway_purpose": "purchase",
        }
        assert asked.params == {
            "mode": "payment",
            "client_reference_id": "checkout_1",
            "line_items": [
                {
                    "quantity": "1",
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": "500",
                        "product_data": {"name": "A report"},
                    },
                }
            ],
            "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/back",
            "expires_at": str(int(NOW.timestamp()) + 3600),
            "metadata": words,
            "payment_method_types": ["card"],
            "payment_intent_data": {"metadata": words},
        }
        assert asked.key == "tillway-checkout-checkout_1"

    async def test_the_version_is_pinned_and_nothing_is_told_of_us(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """No telemetry, and the key as a bearer token."""
        headers = (await opened(rail, shop, order())).headers

        assert headers["Stripe-Version"] == API_VERSION
        assert headers["Authorization"] == f"Bearer {KEY.reveal()}"
        assert "X-Stripe-Client-Telemetry" not in headers
        assert "platform" not in headers["X-Stripe-Client-User-Agent"]

    async def test_a_customer_goes_before_an_address(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Stripe takes one of them."""
        asked = await opened(rail, shop, order(customer="cus_1", customer_email="a@b.example"))

        assert asked.params["customer"] == "cus_1"
        assert "customer_email" not in asked.params

    @pytest.mark.parametrize(
        ("asked", "given"),
        [(0, 31 * 60), (20 * 60, 31 * 60), (7200, 7200), (90_000, 23 * 3600 + 55 * 60)],
    )
    async def test_the_end_is_one_that_stripe_takes(
        self, shop: StripeWire, rail: StripeRail, asked: int, given: int
    ) -> None:
        """Half an hour to a day, reckoned from the checkout's own beginning."""
        of = checkout(expires_at=NOW + timedelta(seconds=asked))
        params = (await opened(rail, shop, order(of=of))).params

        assert int(params["expires_at"]) == int(NOW.timestamp()) + given

    async def test_a_longer_life_can_be_set(self, shop: StripeWire) -> None:
        """For all sessions."""
        async with stripe_rail(shop.url, session_lifetime=timedelta(hours=5)) as rail:
            params = (await opened(rail, shop, order())).params

        assert int(params["expires_at"]) == int(NOW.timestamp()) + 5 * 3600

    @pytest.mark.parametrize("place", ["success_url", "cancel_url"])
    async def test_a_buyer_is_sent_to_our_hosts_only(
        self, shop: StripeWire, rail: StripeRail, place: str
    ) -> None:
        """Another address is declined before anything is asked."""
        elsewhere: dict[str, Any] = {place: "https://evil.example/"}
        with pytest.raises(Declined) as refused:
            await rail.open(order(**elsewhere))

        assert refused.value.code is Code.INVALID_FIELD
        assert shop.asked == []

    async def test_stripes_dashboard_may_decide_how_to_pay(self, shop: StripeWire) -> None:
        """Where no payment method is named."""
        async with stripe_rail(shop.url, payment_methods=()) as rail:
            assert "payment_method_types" not in (await opened(rail, shop, order())).params


class TestPrices:
    async def test_stripes_price_is_charged_where_it_comes_to_the_same(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """And its own name is shown."""
        params = (await opened(rail, shop, order(line(price_id="price_1", quantity=3)))).params

        assert params["line_items"] == [{"price": "price_1", "quantity": "3"}]

    @pytest.mark.parametrize(
        ("found", "terms"),
        [
            (price(unit_amount=501), None),
            (price(currency="eur"), None),
            (price(currency="jpy"), None),
            (price(active=False), None),
            (price(unit_amount=None), None),
            (price(billing_scheme="tiered"), None),
            (price(recurring={"interval": "month", "interval_count": 1}), None),
            (price(), MONTHLY),
            (price(recurring={"interval": "month", "interval_count": 3}), MONTHLY),
            (price(recurring={"interval": "year", "interval_count": 1}), MONTHLY),
        ],
    )
    async def test_ours_is_charged_where_it_does_not(
        self,
        wire: StripeWire,
        rail: StripeRail,
        found: dict[str, Any],
        terms: SubscriptionTerms | None,
    ) -> None:
        """Another amount, currency or period, or off sale: the charge is our price all the same."""
        wire.answer({f"POST {SESSIONS}": Says(OPEN), "GET /v1/prices/price_1": Says(found)})
        asked = await opened(rail, wire, order(line(price_id="price_1"), terms=terms))

        (item,) = asked.params["line_items"]
        assert item["price_data"]["unit_amount"] == "500"
        assert item["price_data"].get("recurring") == (
            {"interval": "month", "interval_count": "1"} if terms else None
        )

    async def test_a_price_that_is_gone_is_replaced_by_ours(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Stripe has none of that id."""
        asked = await opened(rail, shop, order(line(price_id="price_gone")))

        assert asked.params["line_items"][0]["price_data"]["unit_amount"] == "500"

    async def test_without_ours_stripes_decides(self, shop: StripeWire, rail: StripeRail) -> None:
        """A product that has nothing but Stripe's price."""
        asked = await opened(rail, shop, order(line(None, price_id="price_1")))

        assert asked.params["line_items"] == [{"price": "price_1", "quantity": "1"}]

    async def test_without_any_price_nothing_is_sold(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Neither ours, nor one that Stripe has."""
        with pytest.raises(Declined) as refused:
            await rail.open(order(line(None, price_id="price_gone")))

        assert refused.value.code is Code.INVALID_RESOURCE
        assert shop.to(SESSIONS) == []

    async def test_a_price_is_asked_for_once_in_a_while(
        self, shop: StripeWire, rail: StripeRail, clock: ManualClock
    ) -> None:
        """It is remembered for five minutes."""
        for name in ("a", "b"):
            await rail.open(order(line(price_id="price_1"), of=checkout(name)))
        assert len(shop.to("/v1/prices/price_1", "GET")) == 1

        clock.move(301)
        await rail.open(order(line(price_id="price_1"), of=checkout("c")))
        assert len(shop.to("/v1/prices/price_1", "GET")) == 2

    async def test_an_id_is_no_path(self, shop: StripeWire, rail: StripeRail) -> None:
        """Whatever a price id may hold, it stays one segment."""
        await rail.open(order(line(price_id="../customers/cus_1?x=1")))

        assert [one.path for one in shop.asked if one.method == "GET"] == [
            "/v1/prices/../customers/cus_1?x=1"
        ]

    @pytest.mark.parametrize("quantity", [0, -1, 1_000_000])
    async def test_quantities_that_stripe_does_not_take(
        self, shop: StripeWire, rail: StripeRail, quantity: int
    ) -> None:
        """Are declined before anything is asked."""
        with pytest.raises(Declined):
            await rail.open(order(line(quantity=quantity)))

        assert shop.asked == []

    async def test_more_than_stripe_takes_is_declined(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """A sum of nine digits."""
        with pytest.raises(Declined) as refused:
            await rail.open(order(line(50_000_000, quantity=2)))

        assert refused.value.code is Code.INVALID_AMOUNT
        assert shop.asked == []


class TestTax:
    async def test_a_tax_rate_is_on_our_own_prices(self, shop: StripeWire) -> None:
        """Stripe's price has its own."""
        async with stripe_rail(shop.url, tax_rate="txr_1") as rail:
            lines = (line(), line(price_id="price_1"))
            ours, theirs = (await opened(rail, shop, order(*lines))).params["line_items"]

        assert ours["tax_rates"] == ["txr_1"]
        assert "tax_rates" not in theirs

    async def test_in_a_cart_it_is_on_every_line(self, shop: StripeWire) -> None:
        """As the contract has it."""
        async with stripe_rail(shop.url, tax_rate="txr_1") as rail:
            of = checkout(purpose=Purpose.CART)
            asked = await opened(rail, shop, order(line(price_id="price_1"), of=of))

        assert asked.params["line_items"][0]["tax_rates"] == ["txr_1"]


class TestManyLines:
    @pytest.mark.parametrize(("count", "kept"), [(100, 100), (101, 100), (250, 100)])
    async def test_what_is_beyond_stripes_limit_is_one_line(
        self, shop: StripeWire, rail: StripeRail, count: int, kept: int
    ) -> None:
        """The sum stays what it was."""
        lines = [line(number + 1, quantity=2) for number in range(count)]
        items = (await opened(rail, shop, order(*lines))).params["line_items"]

        assert len(items) == kept
        assert sum(
            int(item["price_data"]["unit_amount"]) * int(item["quantity"]) for item in items
        ) == sum(2 * (number + 1) for number in range(count))

    async def test_names_are_never_empty_nor_too_long(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Stripe takes neither."""
        lines = (line(description=" "), line(description="x" * 300))
        first, second = (await opened(rail, shop, order(*lines))).params["line_items"]

        assert first["price_data"]["product_data"]["name"] == "report"
        assert second["price_data"]["product_data"]["name"] == "x" * 250


class TestDiscounts:
    async def test_a_discount_is_a_coupon_made_for_it(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Used once, by an id and a key of this checkout's."""
        asked = await opened(rail, shop, order(discount=dollars(100)))
        (coupon,) = shop.to("/v1/coupons")

        assert asked.params["discounts"] == [{"coupon": "tillway-checkout_1"}]
        assert coupon.key == "tillway-coupon-checkout_1"
        assert coupon.params == {
            "id": "tillway-checkout_1",
            "amount_off": "100",
            "currency": "usd",
            "duration": "once",
            "max_redemptions": "1",
            "name": "Discount",
            "metadata": coupon.params["metadata"],
        }

    async def test_a_coupon_that_exists_is_ours(self, wire: StripeWire, rail: StripeRail) -> None:
        """A repeat after a day finds the one that it made."""
        wire.answer(
            {
                f"POST {SESSIONS}": Says(OPEN),
                "POST /v1/coupons": error(400, code="resource_already_exists"),
            }
        )
        asked = await opened(rail, wire, order(discount=dollars(100)))

        assert asked.params["discounts"] == [{"coupon": "tillway-checkout_1"}]

    async def test_no_discount_is_no_coupon(self, shop: StripeWire, rail: StripeRail) -> None:
        """Stripe takes none of nothing."""
        asked = await opened(rail, shop, order(discount=dollars(0)))

        assert "discounts" not in asked.params

    @pytest.mark.parametrize(
        ("customer", "promotion"), [(None, "promo_3"), ("cus_9", "promo_2"), ("cus_1", "promo_3")]
    )
    async def test_a_promotion_code_is_looked_up(
        self, shop: StripeWire, rail: StripeRail, customer: str | None, promotion: str
    ) -> None:
        """The one that is active, reads exactly so, and is for this customer or for all."""
        asked = await opened(rail, shop, order(promotion_code="SPRING", customer=customer))

        assert asked.params["discounts"] == [{"promotion_code": promotion}]

    async def test_an_unknown_promotion_code_is_declined(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Before anything was made: the same order may be opened without it."""
        with pytest.raises(Declined) as refused:
            await rail.open(order(promotion_code="Spring", discount=dollars(100)))

        assert refused.value.code is Code.COUPON_NOT_FOUND
        assert not [one for one in shop.asked if one.method == "POST"]

    async def test_with_a_promotion_code_ours_is_taken_off_the_lines(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Stripe takes one discount only."""
        lines = (line(500), line(300, quantity=2))
        given = order(*lines, promotion_code="SPRING", discount=dollars(150))
        asked = await opened(rail, shop, given)

        (item,) = asked.params["line_items"]
        assert item["price_data"]["unit_amount"] == "950"
        assert asked.params["discounts"] == [{"promotion_code": "promo_3"}]


class TestSubscribing:
    async def test_a_subscription_carries_our_words_on(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """So that its later events tell whose it is; its trial is what we say."""
        given = order(line(price_id="price_month"), terms=MONTHLY, trial_days=14)
        params = (await opened(rail, shop, given)).params

        assert params["mode"] == "subscription"
        assert params["line_items"] == [{"price": "price_month", "quantity": "1"}]
        assert params["subscription_data"]["trial_period_days"] == "14"
        assert params["subscription_data"]["metadata"] == params["metadata"]
        assert params["metadata"]["tillway_checkout"] == "checkout_1"
        assert "payment_intent_data" not in params


class TestLookingUp:
    async def test_a_session_as_it_stands(self, wire: StripeWire, rail: StripeRail) -> None:
        """With the money of its invoice, where a subscription began."""
        wire.answer({f"GET {SESSIONS}/cs_test_1": Says(session())})
        found = await rail.retrieve("cs_test_1")

        assert found is not None
        assert (found.paid, found.amount) == (True, dollars(1000))
        assert wire.asked[0].params == {"expand": ["invoice.payments"]}

    async def test_one_that_stripe_does_not_have(self, rail: StripeRail) -> None:
        """Is None."""
        assert await rail.retrieve("cs_none") is None

    async def test_an_open_one_is_ended(self, wire: StripeWire, rail: StripeRail) -> None:
        """By a key of its own."""
        wire.answer({f"POST {SESSIONS}/cs_test_1/expire": Says(session(status="expired"))})
        found = await rail.expire("cs_test_1")

        assert found.status is SessionStatus.EXPIRED
        assert wire.asked[0].key == f"tillway-expire-cs_test_1-{AT}"

    async def test_one_that_was_paid_before_is_given_as_it_stands(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """Stripe ends no session that is complete."""
        wire.answer(
            {
                f"POST {SESSIONS}/cs_test_1/expire": error(400),
                f"GET {SESSIONS}/cs_test_1": Says(session()),
            }
        )

        assert (await rail.expire("cs_test_1")).status is SessionStatus.COMPLETE

    async def test_a_refusal_to_end_an_open_one_is_told(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """Nobody may take it for ended."""
        wire.answer(
            {
                f"POST {SESSIONS}/cs_test_1/expire": error(400),
                f"GET {SESSIONS}/cs_test_1": Says(OPEN),
            }
        )
        with pytest.raises(Declined):
            await rail.expire("cs_test_1")


class TestLostAnswers:
    async def test_a_lost_session_is_found_by_our_id(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """Over several pages, and among those of its time only."""
        others = [session(id=f"cs_{n}", client_reference_id=f"checkout_x{n}") for n in range(100)]
        wire.say(Says(listed(*others)), Says(listed(session())))
        found = await rail.find(checkout())

        assert found is not None
        assert found.id == "cs_test_1"
        first, second = wire.asked
        assert first.params == {
            "limit": "100",
            "created": {"gte": str(AT - 300), "lte": str(AT + 300)},
        }
        assert second.params["starting_after"] == "cs_99"

    async def test_none_is_none(self, wire: StripeWire, rail: StripeRail) -> None:
        """Only when all pages have been seen."""
        wire.say(Says(listed(session(client_reference_id=None))))

        assert await rail.find(checkout()) is None

    async def test_after_23_hours_nothing_is_sent(
        self, shop: StripeWire, rail: StripeRail, clock: ManualClock
    ) -> None:
        """Stripe may have forgotten the key, and would open another session."""
        clock.move(23 * 3600)
        with pytest.raises(Unsettled):
            await rail.open(order())

        assert shop.asked == []

    async def test_a_repeat_asks_for_the_very_same(
        self, shop: StripeWire, rail: StripeRail, clock: ManualClock
    ) -> None:
        """An hour later too."""
        await rail.open(order(discount=dollars(100)))
        clock.move(3600)
        await rail.open(order(discount=dollars(100)))
        first, second = shop.to(SESSIONS)

        assert (first.key, first.params) == (second.key, second.params)

    @pytest.mark.parametrize("lost", [Fault.DROP, Says({}, status=500), Says("?"), Says({})])
    async def test_a_write_without_an_answer_is_unsettled(
        self, wire: StripeWire, rail: StripeRail, lost: Fault | Says
    ) -> None:
        """Sent three times under one key, and then left to be looked up."""
        wire.say(lost)
        with pytest.raises(Unsettled) as unsettled:
            await rail.open(order())

        assert unsettled.value.code is Code.STRIPE_ERROR
        assert {one.key for one in wire.asked} == {"tillway-checkout-checkout_1"}

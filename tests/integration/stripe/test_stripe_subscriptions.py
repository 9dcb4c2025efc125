from typing import Any

import pytest

from support.stripe_objects import AT, MONTH, WHEN, price, subscription
from support.stripe_rails import dollars
from support.stripe_wire import Fault, Says, StripeWire, error
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.catalog import BillingPeriod, SubscriptionTerms
from tillway.core.errors import Code, Declined, Unsettled
from tillway.core.ports.hosting import OrderLine, PlanChange, Preview, Proration
from tillway.core.subscriptions import SubscriptionState

SUB = "/v1/subscriptions/sub_1"
YEARLY = SubscriptionTerms(billing_period=BillingPeriod.YEAR)
YEAR = {"interval": "year", "interval_count": 1}


def change(price_id: str = "price_year", cents: int | None = 9000, **more: Any) -> PlanChange:
    """Ask for the yearly plan."""
    unit = None if cents is None else dollars(cents)
    usual: dict[str, Any] = {
        "subscription": "sub_1",
        "plan": OrderLine(description="A year", unit=unit, price_id=price_id),
        "terms": YEARLY,
        "proration": Proration.ALWAYS_INVOICE,
        "metadata": {"resource_id": "yearly"},
        "key": "change_1",
    }
    return PlanChange(**(usual | more))


@pytest.fixture
def shop(wire: StripeWire) -> StripeWire:
    """Answer what a change may ask."""
    wire.answer(
        {
            f"GET {SUB}": Says(subscription()),
            f"POST {SUB}": Says(subscription(cancel_at_period_end=True)),
            f"DELETE {SUB}": Says(subscription(status="canceled", ended_at=AT)),
            "GET /v1/prices/price_year": Says(
                price(id="price_year", unit_amount=9000, recurring=YEAR)
            ),
            "POST /v1/prices": Says(price(id="price_made", unit_amount=8000, recurring=YEAR)),
            "POST /v1/billing_portal/sessions": Says({"url": "https://pay.example/portal"}),
        }
    )
    return wire


class TestLooking:
    async def test_as_it_stands(self, shop: StripeWire, rail: StripeRail) -> None:
        """In the core's words."""
        found = await rail.subscription("sub_1")

        assert found is not None
        assert (found.price_id, found.period_start) == ("price_month", WHEN)

    async def test_none_is_none(self, shop: StripeWire, rail: StripeRail) -> None:
        """Stripe has none of that id."""
        assert await rail.subscription("sub_2") is None


class TestChanging:
    async def test_its_item_gets_another_price(self, shop: StripeWire, rail: StripeRail) -> None:
        """Stripe's own, where it comes to the same."""
        await rail.change(change())
        (sent,) = shop.to(SUB)

        assert sent.key == "tillway-change-change_1"
        assert sent.params == {
            "items": [{"id": "si_1", "price": "price_year", "quantity": "1"}],
            "proration_behavior": "always_invoice",
            "metadata": {"resource_id": "yearly"},
        }

    async def test_a_price_is_made_where_ours_is_another(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """A running subscription takes no price but one that exists."""
        await rail.change(change(cents=8000))
        (made,), (sent,) = shop.to("/v1/prices"), shop.to(SUB)

        assert sent.params["items"][0]["price"] == "price_made"
        assert made.key == "tillway-price-change_1"
        assert made.params == {
            "currency": "usd",
            "unit_amount": "8000",
            "recurring": {"interval": "year", "interval_count": "1"},
            "product_data": {"name": "A year"},
        }

    async def test_a_plan_without_a_price_is_declined(
        self, shop: StripeWire, rail: StripeRail
    ) -> None:
        """Neither ours nor Stripe's; nothing is changed."""
        with pytest.raises(Declined) as refused:
            await rail.change(change(price_id="price_gone", cents=None))

        assert refused.value.code is Code.INVALID_RESOURCE
        assert not [one for one in shop.asked if one.method == "POST"]

    async def test_a_subscription_that_is_gone_is_declined(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """It is not found."""
        with pytest.raises(Declined) as refused:
            await rail.change(change())

        assert refused.value.code is Code.RESOURCE_NOT_FOUND

    async def test_a_card_that_is_declined_is_said_so(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """A change that is invoiced at once may fail on the card."""
        wire.answer(
            {
                f"GET {SUB}": Says(subscription()),
                f"POST {SUB}": error(402, "card_error", "card_declined"),
                "GET /v1/prices/price_year": Says(
                    price(id="price_year", unit_amount=9000, recurring=YEAR)
                ),
            }
        )
        with pytest.raises(Declined) as refused:
            await rail.change(change())

        assert refused.value.message == "The card was declined."

    async def test_a_lost_change_is_unsettled(self, wire: StripeWire, rail: StripeRail) -> None:
        """And is looked up by how the subscription stands."""
        wire.answer({f"GET {SUB}": Says(subscription()), f"POST {SUB}": Fault.DROP})
        with pytest.raises(Unsettled):
            await rail.reactivate("sub_1", key="k")


def line(amount: int, *, old: bool, proration: bool = True) -> dict[str, Any]:
    """Give a line of an invoice, in either shape."""
    if old:
        return {"amount": amount, "proration": proration}
    details = {"subscription_item_details": {"proration": proration}}
    return {"amount": amount, "parent": details}


class TestPreview:
    @pytest.mark.parametrize("old", [False, True], ids=["2025-03-31", "before"])
    async def test_it_adds_up_what_is_prorated(
        self, wire: StripeWire, rail: StripeRail, old: bool
    ) -> None:
        """What is given back, what is charged for it; the next period is another matter."""
        lines = [line(-300, old=old), line(7500, old=old), line(990, old=old, proration=False)]
        wire.answer(
            {
                f"GET {SUB}": Says(subscription()),
                "POST /v1/invoices/create_preview": Says(
                    {"currency": "usd", "lines": {"data": lines}}
                ),
            }
        )
        found = await rail.preview(change(price_id=""))

        assert (found.due, found.credit, found.cost) == (
            dollars(7200),
            dollars(300),
            dollars(7500),
        )
        assert isinstance(found, Preview)
        (sent,) = wire.to("/v1/invoices/create_preview")
        assert sent.params["subscription_details"]["items"][0]["price_data"]["product"] == "prod_1"


class TestEnding:
    async def test_now(self, shop: StripeWire, rail: StripeRail) -> None:
        """It has ended."""
        found = await rail.cancel("sub_1", at_period_end=False, key="k")

        assert found.state is SubscriptionState.CANCELLED
        assert found.ended_at == WHEN
        assert shop.to(SUB, "DELETE")[0].key == "tillway-cancel-k"

    async def test_with_its_period_and_back(self, shop: StripeWire, rail: StripeRail) -> None:
        """A flag, set and taken away."""
        going_on = Says(subscription())
        ending = shop.script
        shop.script = lambda asked: (
            going_on if asked.params.get("cancel_at_period_end") == "false" else ending(asked)
        )
        await rail.cancel("sub_1", at_period_end=True, key="k1")
        await rail.reactivate("sub_1", key="k2")
        first, second = shop.to(SUB)

        assert first.params == {"cancel_at_period_end": "true"}
        assert second.params == {"cancel_at_period_end": "false"}
        assert (first.key, second.key) == ("tillway-end-k1", "tillway-reactivate-k2")

    async def test_an_end_that_the_portal_has_set_is_taken_back_too(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """It is a time there, not a flag."""
        wire.say(Says(subscription(cancel_at=AT + MONTH)), Says(subscription()))
        found = await rail.reactivate("sub_1", key="k")

        assert not found.cancel_at_period_end
        assert [one.params for one in wire.to(SUB)] == [
            {"cancel_at_period_end": "false"},
            {"cancel_at": ""},
        ]

    async def test_what_has_ended_is_ended(self, wire: StripeWire, rail: StripeRail) -> None:
        """Stripe cancels nothing twice; for us it is as it was asked to be."""
        wire.answer({f"GET {SUB}": Says(subscription(status="canceled"))})
        found = await rail.cancel("sub_1", at_period_end=False, key="k")

        assert found.state is SubscriptionState.CANCELLED


class TestPortal:
    async def test_a_customer_gets_a_page(self, shop: StripeWire, rail: StripeRail) -> None:
        """And comes back to our own hosts."""
        found = await rail.portal("cus_1", "https://shop.example/account")

        assert found == "https://pay.example/portal"
        (sent,) = shop.to("/v1/billing_portal/sessions")
        assert sent.params == {"customer": "cus_1", "return_url": "https://shop.example/account"}
        assert sent.key

    async def test_nowhere_else(self, shop: StripeWire, rail: StripeRail) -> None:
        """Nothing is asked of Stripe."""
        with pytest.raises(Declined):
            await rail.portal("cus_1", "https://evil.example/")

        assert shop.asked == []

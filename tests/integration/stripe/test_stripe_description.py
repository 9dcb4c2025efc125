"""What the rail asks for, against the OpenAPI description that Stripe publishes."""

import asyncio
import re
from typing import Any

import pytest

from support.stripe_objects import invoice, listed, price, session, subscription
from support.stripe_rails import checkout, dollars, order, stripe_rail
from support.stripe_spec import Spec
from support.stripe_wire import Asked, Says, error, stripe_wire
from tillway.adapters.stripe.heard import EVENTS
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.ids import ProductId
from tillway.core.ports.hosting import OrderLine, PayBack, PlanChange, Proration
from tillway.core.quotes import Purpose

MONTHLY = SubscriptionTerms(billing_period=BillingPeriod.MONTH)
_ID = re.compile(r"(?<=/)(cs|sub|in|price|txr)_[A-Za-z0-9_]+")


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    """Ask for everything that the rail can ask for."""
    return asyncio.run(_asked())


async def _asked() -> list[Asked]:
    async with stripe_wire() as wire, stripe_rail(wire.url, tax_rate="txr_1") as rail:
        wire.script = _answer
        await _everything(rail)
        return wire.asked


def _answer(asked: Asked) -> Says:
    """Answer whatever is asked with something of its kind."""
    if asked.path.endswith("promotion_codes"):
        return Says(listed({"id": "promo_1", "code": "SPRING", "active": True}))
    if asked.method == "GET" and re.search(r"(sessions|refunds)$", asked.path):
        return Says(listed())
    kinds: dict[str, Any] = {
        "/checkout/sessions": session(invoice=invoice(), payment_intent=None),
        "/subscriptions": subscription(cancel_at=1),
        "/prices": price(),
        "/coupons": {"id": "coupon_1"},
        "/create_preview": {"currency": "usd", "lines": listed()},
        "/invoices": invoice(),
        "/refunds": {"id": "re_1", "amount": 1, "currency": "usd", "status": "succeeded"},
        "/billing_portal": {"url": "https://pay.example"},
        "/tax_rates": {"active": True},
    }
    found = next((kind for part, kind in kinds.items() if part in asked.path), None)
    return error(404) if found is None else Says(found)


async def _everything(rail: StripeRail) -> None:
    line = OrderLine(description="A report", unit=dollars(500), price_id="price_1")
    other = OrderLine(description="A book", unit=dollars(900), quantity=2)
    cart = checkout("cart", purpose=Purpose.CART)
    await rail.open(order(line, other, of=cart, discount=dollars(100), customer="cus_1"))
    await rail.open(order(*[other] * 120, of=checkout("many"), customer_email="a@b.example"))
    await rail.open(order(line, of=checkout("code"), promotion_code="SPRING"))
    await rail.open(order(other, of=checkout("plan"), terms=MONTHLY, trial_days=7))
    await rail.retrieve("cs_1")
    await rail.find(checkout("lost"))
    await rail.expire("cs_1")
    for money in ("pi_1", "ch_1", "cs_1", "in_1"):
        given = PayBack(payment=money, amount=dollars(1), reference=money, metadata={"why": "x"})
        await rail.pay_back(given)
    await _subscriptions(rail)
    product = Product(id=ProductId("report"), stripe_price_id="price_1")
    await rail.examine([product])


async def _subscriptions(rail: StripeRail) -> None:
    for price_id in ("price_1", ""):
        change = PlanChange(
            subscription="sub_1",
            plan=OrderLine(description="More", unit=dollars(500), price_id=price_id),
            terms=MONTHLY,
            proration=Proration.ALWAYS_INVOICE,
            metadata={"resource_id": "more"},
            key=price_id,
        )
        await rail.preview(change)
        await rail.change(change)
    await rail.subscription("sub_1")
    await rail.cancel("sub_1", at_period_end=True, key="a")
    await rail.reactivate("sub_1", key="b")
    await rail.cancel("sub_1", at_period_end=False, key="c")
    await rail.portal("cus_1", "https://shop.example/")


def _numbered(value: Any) -> Any:
    """Write lists as forms have them: by their numbers."""
    if isinstance(value, list):
        return {str(place): _numbered(each) for place, each in enumerate(value)}
    if isinstance(value, dict):
        return {name: _numbered(each) for name, each in value.items()}
    return value


class TestRequests:
    def test_stripe_has_all_that_we_ask_for(self, spec: Spec, asked: list[Asked]) -> None:
        """Every path and parameter, by its name and its words."""
        faults = [
            (one.method, path, fault)
            for one in asked
            for path in [_ID.sub("{id}", one.path)]
            for fault in spec.call_faults(one.method, path, _numbered(one.params))
        ]

        assert faults == []
        assert len({(one.method, _ID.sub("{id}", one.path)) for one in asked}) >= 17

    def test_every_write_has_a_key_of_ours(self, asked: list[Asked]) -> None:
        """And no two have the same; a preview changes nothing."""
        writes = [one for one in asked if one.method != "GET" and "preview" not in one.path]

        assert all(one.key.startswith("tillway-") for one in writes)
        assert len({one.key for one in writes}) == len(writes)

    def test_stripe_has_all_that_we_want_to_hear(self, spec: Spec) -> None:
        """An endpoint can be told to send every one of them."""
        operation = spec.operation("post", "/v1/webhook_endpoints")
        assert operation is not None
        (content,) = operation["requestBody"]["content"].values()
        known = content["schema"]["properties"]["enabled_events"]["items"]["enum"]

        assert set(EVENTS) <= set(known)

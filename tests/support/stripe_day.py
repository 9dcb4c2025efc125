"""A day at the sandbox's Stripe, on which the SDK calls everything that there is."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
import pytest
import stripe
from aiohttp import ClientSession
from attrs import frozen

from support.manual_clock import ManualClock
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Account, Served, serve_stripe
from tillway.entrypoints.sandbox.stripe.face import Heard

DAY: Final = 24 * 3600


@frozen
class Told:
    """What a day at Stripe has left behind: calls with their answers, and all events."""

    calls: Sequence[Heard]
    events: Sequence[Any]


@asynccontextmanager
async def living() -> AsyncIterator["Day"]:
    """Serve an account on which everything but the last look has happened."""
    clock = ManualClock()
    account = Account(clock=lambda: clock.now().timestamp())
    async with serve_stripe(account) as served, ClientSession() as session:
        http = stripe.AIOHTTPClient(session=session)
        addresses: Any = {"api": served.url}
        client = stripe.StripeClient(SECRET_KEY, base_addresses=addresses, http_client=http)
        day = Day(served=served, v1=client.v1, clock=clock)
        await day.shop()
        await day.sell()
        await day.charge()
        await day.subscribe()
        yield day


async def a_day() -> Told:
    """Buy, fail, refund, dispute, subscribe, change and end."""
    async with living() as day:
        await day.look()
        events = [
            {"type": each["type"], "data": orjson.loads(each["_data"])}
            for each in day.served.account.shelves.newest("event")
        ]
        return Told(list(day.served.face.heard), events)


@frozen
class Day:
    """The account, the SDK before it, and its clock."""

    served: Served
    # Parameters are read from the whole of what Stripe takes, which its types say well enough.
    v1: Any
    clock: ManualClock

    async def shop(self) -> None:
        """Fill the catalogue."""
        v1 = self.v1
        product = await v1.products.create_async(
            {"name": "Mug", "default_price_data": {"currency": "usd", "unit_amount": 1250}}
        )
        await v1.products.update_async(product.id, {"description": "White", "metadata": {"a": "1"}})
        await v1.products.retrieve_async(product.id)
        await v1.products.list_async({"active": True})
        price = await v1.prices.create_async(
            {"product": product.id, "currency": "usd", "unit_amount_decimal": "99.5"}
        )
        await v1.prices.update_async(price.id, {"nickname": "half"})
        await v1.prices.retrieve_async(price.id, {"expand": ["product"]})
        await v1.prices.list_async({"product": product.id})
        coupon = await v1.coupons.create_async({"percent_off": 10, "id": "TENTH"})
        await v1.coupons.update_async("TENTH", {"name": "A tenth"})
        await v1.coupons.retrieve_async("TENTH", {"expand": ["applies_to"]})
        await v1.coupons.list_async()
        other = await v1.coupons.create_async(
            {
                "amount_off": 100,
                "currency": "usd",
                "duration": "repeating",
                "duration_in_months": 2,
            }
        )
        await v1.coupons.delete_async(other.id)
        code = await v1.promotion_codes.create_async(
            {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HELLO"}
        )
        await v1.promotion_codes.update_async(code.id, {"active": True})
        await v1.promotion_codes.retrieve_async(code.id, {"expand": ["promotion.coupon"]})
        await v1.promotion_codes.list_async({"code": "HELLO"})
        rate = await v1.tax_rates.create_async(
            {"display_name": "VAT", "percentage": 19, "inclusive": True}
        )
        await v1.tax_rates.update_async(rate.id, {"description": "Germany"})
        await v1.tax_rates.retrieve_async(rate.id)
        await v1.tax_rates.list_async()

    async def sell(self) -> None:
        """Open sessions, and have them paid, declined, expired."""
        v1, switches = self.v1, self.served.switches
        rate = (await v1.tax_rates.list_async()).data[0]
        price = {"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Mug"}}
        asked = {
            "mode": "payment",
            "success_url": "http://127.0.0.1/ok",
            "client_reference_id": "1",
            "line_items": [{"price_data": price, "quantity": 2, "tax_rates": [rate.id]}],
            "discounts": [{"coupon": "TENTH"}],
            "customer_creation": "always",
            "payment_intent_data": {"metadata": {"a": "1"}},
            "shipping_options": [
                {
                    "shipping_rate_data": {
                        "display_name": "Post",
                        "type": "fixed_amount",
                        "fixed_amount": {"amount": 500, "currency": "usd"},
                    }
                }
            ],
        }
        lines = ["line_items.data.discounts", "line_items.data.taxes", "line_items.data.price"]
        made = await v1.checkout.sessions.create_async({**asked, "expand": lines})
        switches.decline(made.id)
        switches.pay(made.id)
        await v1.checkout.sessions.update_async(made.id, {"metadata": {"b": "2"}})
        whole = ["payment_intent.latest_charge", "customer"]
        await v1.checkout.sessions.retrieve_async(made.id, {"expand": whole})
        await v1.checkout.sessions.line_items.list_async(made.id)
        for paid in (True, False):
            slow = await v1.checkout.sessions.create_async(asked)
            switches.pay_slowly(slow.id)
            switches.settle(slow.id, paid=paid)
        ended = await v1.checkout.sessions.create_async(asked)
        await v1.checkout.sessions.expire_async(ended.id)
        await v1.checkout.sessions.list_async({"status": "expired"})
        with pytest.raises(stripe.InvalidRequestError):
            await v1.checkout.sessions.create_async({**asked, "mode": "other"})
        with pytest.raises(stripe.InvalidRequestError):
            await v1.checkout.sessions.retrieve_async("cs_test_nothing")

    async def charge(self) -> None:
        """Charge cards, pay back, and dispute."""
        v1, switches = self.v1, self.served.switches
        card = {
            "amount": 2000,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
        }
        paid = await v1.payment_intents.create_async(card)
        await v1.payment_intents.update_async(paid.id, {"metadata": {"a": "1"}})
        await v1.payment_intents.retrieve_async(paid.id, {"expand": ["latest_charge"]})
        await v1.payment_intents.list_async()
        await v1.payment_methods.retrieve_async(str(paid.payment_method))
        bad = {**card, "payment_method": "pm_card_chargeDeclined"}
        with pytest.raises(stripe.CardError):
            await v1.payment_intents.create_async(bad)
        for verb in ("confirm", "cancel"):
            made = await v1.payment_intents.create_async({"amount": 900, "currency": "usd"})
            more = [{"payment_method": "pm_card_visa"}] if verb == "confirm" else []
            await getattr(v1.payment_intents, f"{verb}_async")(made.id, *more)
        refund = await v1.refunds.create_async(
            {"payment_intent": paid.id, "amount": 500, "reason": "requested_by_customer"}
        )
        await v1.refunds.update_async(refund.id, {"metadata": {"a": "1"}})
        await v1.refunds.retrieve_async(refund.id)
        await v1.refunds.list_async({"payment_intent": paid.id})
        await v1.charges.retrieve_async(str(paid.latest_charge), {"expand": ["refunds"]})
        switches.fail_refund(refund.id)
        for won in (True, False):
            again = await v1.payment_intents.create_async(card)
            switches.close_dispute(switches.dispute(again.id)["id"], won=won)
        again = await v1.payment_intents.create_async(card)
        dispute = switches.dispute(again.id)
        await v1.disputes.retrieve_async(dispute["id"])
        await v1.disputes.list_async({"payment_intent": again.id})
        await v1.disputes.close_async(dispute["id"])

    async def subscribe(self) -> None:
        """Subscribe with a trial, change, fail, recover and end."""
        v1, switches = self.v1, self.served.switches
        month = {"interval": "month"}
        plans = [
            await v1.prices.create_async(
                {
                    "product_data": {"name": str(amount)},
                    "currency": "usd",
                    "unit_amount": amount,
                    "recurring": month,
                }
            )
            for amount in (1000, 3000)
        ]
        session = await v1.checkout.sessions.create_async(
            {
                "mode": "subscription",
                "success_url": "http://127.0.0.1/ok",
                "line_items": [{"price": plans[0].id, "quantity": 1}],
                "subscription_data": {"trial_period_days": 7, "metadata": {"a": "1"}},
                "discounts": [{"coupon": "TENTH"}],
            }
        )
        bought = str(switches.pay(session.id)["subscription"])
        self.clock.move(10 * DAY)
        found = await v1.subscriptions.retrieve_async(
            bought, {"expand": ["latest_invoice.payments", "customer", "discounts"]}
        )
        change = {
            "items": [{"id": found["items"].data[0].id, "price": plans[1].id}],
            "proration_behavior": "always_invoice",
        }
        await v1.invoices.create_preview_async(
            {"subscription": bought, "subscription_details": change}
        )
        await v1.subscriptions.update_async(bought, change)
        switches.fail_invoices(bought, times=2)
        self.clock.move(30 * DAY)
        found = await v1.subscriptions.retrieve_async(bought)
        with pytest.raises(stripe.CardError):
            await v1.invoices.pay_async(str(found.latest_invoice))
        await v1.invoices.pay_async(str(found.latest_invoice), {"expand": ["payments"]})
        await v1.billing_portal.sessions.create_async(
            {"customer": str(found.customer), "return_url": "http://127.0.0.1/"}
        )
        await v1.subscriptions.update_async(bought, {"cancel_at_period_end": True})
        await v1.subscriptions.list_async({"customer": str(found.customer)})
        await v1.subscriptions.cancel_async(bought)

    async def look(self) -> None:
        """Read what is left to be read."""
        v1 = self.v1
        customer = await v1.customers.create_async({"email": "ada@example.com"})
        await v1.customers.update_async(customer.id, {"name": "Ada"})
        await v1.customers.retrieve_async(customer.id, {"expand": ["subscriptions"]})
        await v1.customers.list_async({"email": "ada@example.com"})
        await v1.customers.delete_async(customer.id)
        await v1.charges.list_async({"limit": 100})
        invoices = await v1.invoices.list_async({"limit": 100})
        await v1.invoices.retrieve_async(invoices.data[0].id, {"expand": ["payments"]})
        await v1.invoices.line_items.list_async(invoices.data[0].id)
        payments = await v1.invoice_payments.list_async({"status": "paid"})
        await v1.invoice_payments.retrieve_async(payments.data[0].id)
        events = await v1.events.list_async({"limit": 100})
        await v1.events.retrieve_async(events.data[0].id)
        await v1.balance.retrieve_async()

"""Subscriptions in the sandbox's Stripe: their whole life by the SDK and by the clock."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from aiohttp import ClientSession

from support.ear import Ear
from support.manual_clock import ManualClock
from tillway.entrypoints.sandbox.stripe import Served

DAY = 24 * 3600


@pytest.fixture
async def plan(client: stripe.StripeClient) -> stripe.Price:
    """Give a plan of 10 dollars a month."""
    product = await client.v1.products.create_async({"name": "Basic"})
    return await client.v1.prices.create_async(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 1000,
            "recurring": {"interval": "month"},
        }
    )


async def session_for(client: stripe.StripeClient, price: str, **more: Any) -> Any:
    """Open a session for a plan."""
    params: Any = {
        "mode": "subscription",
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": "http://127.0.0.1/ok",
        "client_reference_id": "checkout-2",
        **more,
    }
    return await client.v1.checkout.sessions.create_async(params)


async def subscribed(served: Served, client: stripe.StripeClient, price: str, **more: Any) -> Any:
    """Buy a plan, and give the subscription."""
    session = await session_for(client, price, **more)
    served.switches.pay(session.id)
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    return await client.v1.subscriptions.retrieve_async(str(done.subscription))


async def as_it_stands(client: stripe.StripeClient, subscription: Any) -> Any:
    """Read a subscription again."""
    return await client.v1.subscriptions.retrieve_async(subscription.id)


def period(subscription: Any) -> tuple[int, int]:
    """Give the period that runs."""
    item = subscription["items"].data[0]
    return item.current_period_start, item.current_period_end


class TestBeginning:
    async def test_paying_begins_it(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        ear: Ear,
        clock: ManualClock,
    ) -> None:
        """With a customer, an invoice that is paid, and a month that runs."""
        found = await subscribed(
            served, client, plan.id, subscription_data={"metadata": {"ours": "1"}}
        )
        assert (found.status, found.metadata.to_dict()) == ("active", {"ours": "1"})
        start, end = period(found)
        assert start == int(clock.now().timestamp())
        assert 28 * DAY <= end - start <= 31 * DAY
        told = await ear.hear("checkout.session.completed")
        assert (told["subscription"], told["payment_status"]) == (found.id, "paid")
        invoice = await ear.hear("invoice.paid")
        assert invoice["parent"]["subscription_details"]["subscription"] == found.id
        assert (invoice["amount_paid"], invoice["billing_reason"]) == (1000, "subscription_create")
        whole = await client.v1.invoices.retrieve_async(invoice["id"], {"expand": ["payments"]})
        assert whole.payments is not None
        assert str(whole.payments.data[0].payment.payment_intent).startswith("pi_")

    async def test_a_trial_costs_nothing_until_it_ends(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        ear: Ear,
        clock: ManualClock,
    ) -> None:
        """Three days before, there is a warning; then the first month is charged."""
        found = await subscribed(
            served, client, plan.id, subscription_data={"trial_period_days": 7}
        )
        assert found.status == "trialing"
        told = await ear.hear("checkout.session.completed")
        assert (told["amount_total"], told["payment_status"]) == (0, "no_payment_required")
        clock.move(4 * DAY)
        await as_it_stands(client, found)
        assert (await ear.hear("customer.subscription.trial_will_end"))["id"] == found.id
        clock.move(3 * DAY)
        again = await as_it_stands(client, found)
        assert (again.status, period(again)[0]) == ("active", found.trial_end)
        assert (await ear.hear("invoice.paid", 2))["amount_paid"] == 1000

    async def test_a_coupon_for_once_is_for_the_first_invoice(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> None:
        """The next one is whole."""
        coupon = await client.v1.coupons.create_async({"percent_off": 25, "duration": "once"})
        found = await subscribed(served, client, plan.id, discounts=[{"coupon": coupon.id}])
        clock.move(32 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": found.id})
        assert [each.total for each in invoices.data] == [1000, 750]

    async def test_a_deleted_coupon_still_counts_where_it_was_given(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> None:
        """In sessions that are open, and for as long as it was to last."""
        coupon = await client.v1.coupons.create_async(
            {"percent_off": 25, "duration": "repeating", "duration_in_months": 2}
        )
        session = await session_for(client, plan.id, discounts=[{"coupon": coupon.id}])
        await client.v1.coupons.delete_async(coupon.id)
        bought = str(served.switches.pay(session.id)["subscription"])
        clock.move(95 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": bought})
        assert [each.total for each in invoices.data][-3:] == [1000, 750, 750]


class TestRenewal:
    async def test_months_go_by_the_anchor(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> None:
        """What began on the 31st is charged on the last day of shorter months."""
        clock.time = datetime(2026, 1, 31, 12, tzinfo=UTC)
        found = await subscribed(served, client, plan.id)
        clock.move(110 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": found.id})
        days = [datetime.fromtimestamp(each.created, UTC).date().isoformat() for each in invoices]
        assert days == ["2026-04-30", "2026-03-31", "2026-02-28", "2026-01-31"]

    async def test_a_declined_invoice_recovers(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        ear: Ear,
        clock: ManualClock,
    ) -> None:
        """Past due until it is paid, and active after."""
        found = await subscribed(served, client, plan.id)
        served.switches.fail_invoices(found.id)
        clock.move(32 * DAY)
        assert (await as_it_stands(client, found)).status == "past_due"
        failed = await ear.hear("invoice.payment_failed")
        assert (failed["amount_due"], failed["status"]) == (1000, "open")
        served.switches.recover(found.id)
        assert (await as_it_stands(client, found)).status == "active"
        assert (await ear.hear("invoice.paid", 2))["id"] == failed["id"]

    async def test_it_is_tried_again_by_the_clock(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> None:
        """After three days, without anybody's help."""
        found = await subscribed(served, client, plan.id)
        served.switches.fail_invoices(found.id)
        clock.move(32 * DAY)
        assert (await as_it_stands(client, found)).status == "past_due"
        clock.move(3 * DAY)
        assert (await as_it_stands(client, found)).status == "active"

    async def test_what_is_never_paid_ends(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        ear: Ear,
        clock: ManualClock,
    ) -> None:
        """After the last try, with the reason."""
        found = await subscribed(served, client, plan.id)
        served.switches.fail_invoices(found.id, times=4)
        clock.move(50 * DAY)
        assert (await as_it_stands(client, found)).status == "canceled"
        ended = await ear.hear("customer.subscription.deleted")
        assert ended["cancellation_details"]["reason"] == "payment_failed"

    async def test_an_invoice_can_be_paid_by_hand(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> None:
        """A card that is still declined is an error of the card's."""
        found = await subscribed(served, client, plan.id)
        served.switches.fail_invoices(found.id, times=2)
        clock.move(32 * DAY)
        latest = str((await as_it_stands(client, found)).latest_invoice)
        with pytest.raises(stripe.CardError) as caught:
            await client.v1.invoices.pay_async(latest)
        assert (caught.value.http_status, caught.value.code) == (402, "card_declined")
        assert (await client.v1.invoices.pay_async(latest)).status == "paid"


class TestEnding:
    async def test_it_ends_with_its_period(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        ear: Ear,
        clock: ManualClock,
    ) -> None:
        """Unless that is taken back in time."""
        found = await subscribed(served, client, plan.id)
        for wanted in (True, False, True):
            changed = await client.v1.subscriptions.update_async(
                found.id, {"cancel_at_period_end": wanted}
            )
            assert changed.cancel_at_period_end is wanted
        clock.move(32 * DAY)
        assert (await as_it_stands(client, found)).status == "canceled"
        ended = await ear.hear("customer.subscription.deleted")
        assert ended["ended_at"] == period(found)[1]

    async def test_it_ends_at_once(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price
    ) -> None:
        """Once: the second time is refused."""
        found = await subscribed(served, client, plan.id)
        assert (await client.v1.subscriptions.cancel_async(found.id)).status == "canceled"
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.subscriptions.cancel_async(found.id)

    async def test_the_portal_ends_it_and_takes_it_up(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        browser: ClientSession,
    ) -> None:
        """A page of the customer's own."""
        found = await subscribed(served, client, plan.id)
        portal = await client.v1.billing_portal.sessions.create_async(
            {"customer": str(found.customer), "return_url": "http://127.0.0.1/account"}
        )
        for word, ends in (("end_later", True), ("go_on", False)):
            async with browser.post(f"{portal.url}/{found.id}/{word}") as page:
                text = await page.text()
            assert ("Ends on" in text) is ends
            assert (await as_it_stands(client, found)).cancel_at_period_end is ends
        async with browser.post(f"{portal.url}/{found.id}/end_now") as page:
            assert "Ended." in await page.text()
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    async def test_a_portal_shows_no_others(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        browser: ClientSession,
    ) -> None:
        """Nor ends them."""
        found = await subscribed(served, client, plan.id)
        other = await client.v1.customers.create_async({"email": "other@example.com"})
        portal = await client.v1.billing_portal.sessions.create_async({"customer": other.id})
        async with browser.post(f"{portal.url}/{found.id}/end_now") as page:
            assert "There are none." in await page.text()
        assert (await as_it_stands(client, found)).status == "active"


class TestChange:
    @pytest.fixture
    async def better(self, client: stripe.StripeClient) -> stripe.Price:
        """Give a plan of 30 dollars a month."""
        return await client.v1.prices.create_async(
            {
                "product_data": {"name": "Better"},
                "currency": "usd",
                "unit_amount": 3000,
                "recurring": {"interval": "month"},
            }
        )

    async def halfway(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> Any:
        """Give a subscription whose period is half over."""
        clock.time = datetime(2026, 4, 1, tzinfo=UTC)
        found = await subscribed(served, client, plan.id)
        clock.move(15 * DAY)
        return found

    def change(self, found: Any, price: str, behavior: str) -> Any:
        """Ask for another plan."""
        items = [{"id": found["items"].data[0].id, "price": price}]
        return {"items": items, "proration_behavior": behavior}

    async def test_it_is_foretold_to_the_cent(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        better: stripe.Price,
        clock: ManualClock,
    ) -> None:
        """Half the old month comes back, half the new one is charged; nothing is changed."""
        found = await self.halfway(served, client, plan, clock)
        details = self.change(found, better.id, "always_invoice")
        told = await client.v1.invoices.create_preview_async(
            {"subscription": found.id, "subscription_details": details}
        )
        assert [line.amount for line in told.lines.data] == [-500, 1500]
        assert told.amount_due == 1000
        assert (await as_it_stands(client, found)).to_dict() == found.to_dict()
        await client.v1.subscriptions.update_async(found.id, details)
        invoices = await client.v1.invoices.list_async({"subscription": found.id})
        assert [each.amount_paid for each in invoices.data] == [1000, 1000]

    async def test_it_is_charged_with_the_next_period(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        better: stripe.Price,
        clock: ManualClock,
    ) -> None:
        """Unless it is to be at once."""
        found = await self.halfway(served, client, plan, clock)
        changed = await client.v1.subscriptions.update_async(
            found.id, self.change(found, better.id, "create_prorations")
        )
        assert changed["items"].data[0].price.id == better.id
        clock.move(20 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": found.id})
        assert [each.total for each in invoices.data] == [-500 + 1500 + 3000, 1000]

    async def test_it_can_be_free_until_then(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        better: stripe.Price,
        clock: ManualClock,
    ) -> None:
        """Without proration."""
        found = await self.halfway(served, client, plan, clock)
        await client.v1.subscriptions.update_async(found.id, self.change(found, better.id, "none"))
        clock.move(20 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": found.id})
        assert [each.total for each in invoices.data] == [3000, 1000]

    async def test_a_smaller_plan_leaves_credit(
        self,
        served: Served,
        client: stripe.StripeClient,
        plan: stripe.Price,
        better: stripe.Price,
        clock: ManualClock,
    ) -> None:
        """Which pays for what comes next."""
        found = await self.halfway(served, client, better, clock)
        await client.v1.subscriptions.update_async(
            found.id, self.change(found, plan.id, "always_invoice")
        )
        clock.move(20 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": found.id})
        assert [(each.total, each.amount_due) for each in invoices.data] == [
            (1000, 0),
            (-1000, 0),
            (3000, 3000),
        ]

    async def test_another_rhythm_begins_at_once(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, clock: ManualClock
    ) -> None:
        """A year from now, less what was left of the month."""
        yearly = await client.v1.prices.create_async(
            {
                "product_data": {"name": "Yearly"},
                "currency": "usd",
                "unit_amount": 10_000,
                "recurring": {"interval": "year"},
            }
        )
        found = await self.halfway(served, client, plan, clock)
        changed = await client.v1.subscriptions.update_async(
            found.id, self.change(found, yearly.id, "create_prorations")
        )
        start, end = period(changed)
        assert (start, end - start) == (int(clock.now().timestamp()), 365 * DAY)
        invoices = await client.v1.invoices.list_async({"subscription": found.id, "limit": 1})
        assert invoices.data[0].amount_paid == 10_000 - 500

    async def test_what_makes_no_sense_is_refused(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price
    ) -> None:
        """And changes nothing."""
        found = await subscribed(served, client, plan.id)
        wrong: Any = {"items": [{"id": "si_other", "price": plan.id}]}
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.subscriptions.update_async(found.id, wrong)
        assert caught.value.param == "items[0][id]"
        assert (await as_it_stands(client, found)).to_dict() == found.to_dict()


class TestOlderShape:
    async def test_fields_stand_where_they_stood(
        self, served: Served, client: stripe.StripeClient, plan: stripe.Price, ear: Ear
    ) -> None:
        """Before 2025-03-31, for callers and for endpoints of that version."""
        async with Ear.listening() as older:
            served.listen(older.url, older.secret, version="2024-06-20")
            found = await subscribed(served, client, plan.id)
            invoice = await older.hear("invoice.paid")
            assert invoice["subscription"] == found.id
            assert invoice["payment_intent"].startswith("pi_")
            assert "parent" not in invoice
            told = await older.hear("customer.subscription.created")
            assert (told["current_period_start"], told["current_period_end"]) == period(found)
            assert "current_period_end" not in told["items"]["data"][0]
        again = await client.raw_request_async(
            "get", f"/v1/subscriptions/{found.id}", stripe_version="2024-06-20"
        )
        assert again.data["current_period_end"] == period(found)[1]
        assert "parent" in await ear.hear("invoice.paid")

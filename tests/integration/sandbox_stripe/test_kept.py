"""An account that was kept goes on where it ended."""

from typing import Any

import pytest
import stripe
from aiohttp import ClientSession

from support.ear import Ear
from support.manual_clock import ManualClock
from tillway.entrypoints.sandbox.stripe import (
    SECRET_KEY,
    Account,
    BadAccount,
    Served,
    dump,
    load,
    serve_stripe,
)

DAY = 24 * 3600
PLAN: Any = {
    "product_data": {"name": "Basic"},
    "currency": "usd",
    "unit_amount": 1000,
    "recurring": {"interval": "month"},
}


def again(account: Account) -> Account:
    """Give the account after a restart."""
    return load(dump(account), account.clock)


async def subscribed(served: Served, client: stripe.StripeClient) -> str:
    """Buy a plan, and give the subscription's id."""
    price = await client.v1.prices.create_async(PLAN)
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://127.0.0.1/ok",
        }
    )
    return str(served.switches.pay(session.id)["subscription"])


class TestSnapshots:
    async def test_subscriptions_go_on(
        self, served: Served, client: stripe.StripeClient, clock: ManualClock, ear: Ear
    ) -> None:
        """Periods that ended in between are charged, each as of its own time."""
        bought = await subscribed(served, client)
        kept = again(served.account)
        clock.move(70 * DAY)
        async with serve_stripe(kept) as restarted:
            restarted.listen(ear.url, ear.secret)
            await ear.hear("invoice.paid", 3)
            found = kept.get("subscription", bought)
            assert found["items"]["data"][0]["current_period_end"] > kept.now()
            invoice = kept.shelves.of("invoice", status="paid")[0]
            payment = kept.get("invoice_payment", invoice["_payments"][0])
            assert payment["status"] == "paid"

    async def test_writes_are_remembered(
        self, served: Served, client: stripe.StripeClient, browser: ClientSession
    ) -> None:
        """A key that was used is used."""
        made = await client.v1.customers.create_async({"name": "Ada"}, {"idempotency_key": "k"})
        async with serve_stripe(again(served.account)) as restarted:
            other = stripe.StripeClient(
                SECRET_KEY,
                base_addresses={"api": restarted.url},
                http_client=stripe.AIOHTTPClient(session=browser),
                max_network_retries=0,
            )
            repeated = await other.v1.customers.create_async(
                {"name": "Ada"}, {"idempotency_key": "k"}
            )
            assert repeated.id == made.id

    async def test_what_was_not_delivered_is_delivered(
        self, served: Served, client: stripe.StripeClient, ear: Ear
    ) -> None:
        """In the order in which it happened."""
        served.outbox.trouble.paused = True
        for name in ("Ada", "Bob"):
            await client.v1.customers.create_async({"name": name})
        async with serve_stripe(again(served.account)) as restarted:
            restarted.listen(ear.url, ear.secret)
            await ear.hear("customer.created", 2)
        assert [each["name"] for each in ear.of("customer.created")] == ["Ada", "Bob"]

    async def test_pages_are_found_at_the_new_address(
        self, served: Served, client: stripe.StripeClient, browser: ClientSession
    ) -> None:
        """Of sessions that were open."""
        price: Any = {"currency": "usd", "unit_amount": 900, "product_data": {"name": "Mug"}}
        made = await client.v1.checkout.sessions.create_async(
            {
                "mode": "payment",
                "line_items": [{"price_data": price, "quantity": 1}],
                "success_url": "http://127.0.0.1/ok",
            }
        )
        async with serve_stripe(again(served.account)) as restarted:
            url = restarted.account.get("checkout.session", made.id)["url"]
            assert url == f"{restarted.url}/c/pay/{made.id}"
            async with browser.get(url) as shown:
                assert shown.status == 200

    async def test_it_stays_bounded(self, served: Served, client: stripe.StripeClient) -> None:
        """What came back makes room as what is new does, the oldest first."""
        for name in "abc":
            await client.v1.customers.create_async({"name": name})
        kept = again(served.account)
        kept.shelves.kept = 3
        kept.make("customer", name="d")
        assert [each["name"] for each in kept.shelves.newest("customer")] == ["d", "c", "b"]

    async def test_damage_is_noticed(self, served: Served) -> None:
        """Whatever it is."""
        whole = dump(served.account)
        for damaged in (b"", whole[:-1], whole.replace(b"stripe-1", b"stripe-9"), whole + b"x"):
            with pytest.raises(BadAccount):
                load(damaged, served.account.clock)

"""Checkout in the sandbox's Stripe: sessions by the SDK, the page by HTTP, events by webhook."""

from typing import Any

import pytest
import stripe
from aiohttp import ClientSession

from support.ear import Ear
from support.manual_clock import ManualClock
from tillway.entrypoints.sandbox.stripe import Served

SHOP = "http://127.0.0.1:8080"


def asked(**more: Any) -> Any:
    """Give a session of one mug for 12.50 in dollars."""
    line = {
        "quantity": 1,
        "price_data": {
            "currency": "usd",
            "unit_amount": 1250,
            "product_data": {"name": "Mug"},
        },
    }
    return {
        "mode": "payment",
        "line_items": [line],
        "success_url": f"{SHOP}/stripe/success?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{SHOP}/stripe/cancel",
        "client_reference_id": "checkout-1",
        "metadata": {"resource": "mug", "_quiet": "kept"},
        **more,
    }


class TestSessions:
    async def test_it_is_open_until_it_is_paid(self, client: stripe.StripeClient) -> None:
        """What was asked for is in it, and the money is named in minor units."""
        made = await client.v1.checkout.sessions.create_async(asked())
        assert made.id.startswith("cs_test_")
        assert (made.status, made.payment_status) == ("open", "unpaid")
        assert (made.amount_subtotal, made.amount_total, made.currency) == (1250, 1250, "usd")
        assert made.client_reference_id == "checkout-1"
        assert made.metadata is not None
        assert made.metadata.to_dict() == {"resource": "mug", "_quiet": "kept"}
        again = await client.v1.checkout.sessions.retrieve_async(made.id)
        assert again.to_dict() == made.to_dict()

    async def test_a_price_can_be_named(self, client: stripe.StripeClient) -> None:
        """Instead of being described."""
        product = await client.v1.products.create_async({"name": "Mug"})
        price = await client.v1.prices.create_async(
            {"product": product.id, "currency": "eur", "unit_amount": 900}
        )
        lines: Any = [{"price": price.id, "quantity": 3}]
        made = await client.v1.checkout.sessions.create_async(
            asked(line_items=lines), {"idempotency_key": "a"}
        )
        assert (made.amount_total, made.currency) == (2700, "eur")
        found = await client.v1.checkout.sessions.line_items.list_async(made.id)
        assert [(line.description, line.quantity, line.amount_total) for line in found.data] == [
            ("Mug", 3, 2700)
        ]

    async def test_lines_come_with_it_where_that_is_asked(
        self, client: stripe.StripeClient
    ) -> None:
        """By `expand`, as any other object that an id stands for."""
        made = await client.v1.checkout.sessions.create_async(
            asked(expand=["line_items.data.price.product"])
        )
        assert made.line_items is not None
        product = made.line_items.data[0].price.product  # type: ignore[union-attr]  # it has one
        assert isinstance(product, stripe.Product)
        assert product.name == "Mug"

    async def test_coupons_and_taxes_are_added_up(self, client: stripe.StripeClient) -> None:
        """The discount first, taxes on what is left, shipping on top."""
        await client.v1.coupons.create_async({"id": "TENTH", "percent_off": 10, "duration": "once"})
        rate = await client.v1.tax_rates.create_async(
            {"display_name": "VAT", "percentage": 19, "inclusive": False}
        )
        line = {**asked()["line_items"][0], "tax_rates": [rate.id]}
        post = {
            "shipping_rate_data": {
                "display_name": "Post",
                "type": "fixed_amount",
                "fixed_amount": {"amount": 500, "currency": "usd"},
            }
        }
        made = await client.v1.checkout.sessions.create_async(
            asked(line_items=[line], discounts=[{"coupon": "TENTH"}], shipping_options=[post])
        )
        details = made.total_details
        assert details is not None
        assert (details.amount_discount, details.amount_tax) == (125, 214)
        assert details.amount_shipping == 500
        assert (made.amount_subtotal, made.amount_total) == (1250, 1250 - 125 + 214 + 500)

    async def test_an_open_one_can_be_expired(self, client: stripe.StripeClient) -> None:
        """Once, and then not again."""
        made = await client.v1.checkout.sessions.create_async(asked())
        expired = await client.v1.checkout.sessions.expire_async(made.id)
        assert (expired.status, expired.url) == ("expired", None)
        with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
            await client.v1.checkout.sessions.expire_async(made.id)

    async def test_what_a_declined_card_left_ends_with_it(
        self, client: stripe.StripeClient, served: Served
    ) -> None:
        """Its intent can no longer be paid."""
        made = await client.v1.checkout.sessions.create_async(asked())
        intent = str(served.switches.decline(made.id)["payment_intent"])
        await client.v1.checkout.sessions.expire_async(made.id)
        assert (await client.v1.payment_intents.retrieve_async(intent)).status == "canceled"

    async def test_it_expires_by_the_clock(
        self, client: stripe.StripeClient, clock: ManualClock, ear: Ear
    ) -> None:
        """After a day unless it says otherwise."""
        made = await client.v1.checkout.sessions.create_async(asked())
        clock.move(24 * 3600)
        assert (await client.v1.checkout.sessions.retrieve_async(made.id)).status == "expired"
        assert (await ear.hear("checkout.session.expired"))["id"] == made.id

    async def test_they_are_listed_newest_first(
        self, client: stripe.StripeClient, clock: ManualClock
    ) -> None:
        """By pages, and by the time at which they were made."""
        ids = []
        for _ in range(5):
            ids.append((await client.v1.checkout.sessions.create_async(asked())).id)
            clock.move(10)
        found = await client.v1.checkout.sessions.list_async({"limit": 2})
        assert [each.id for each in found.data] == ids[:2:-1]
        assert [each.id async for each in found.auto_paging_iter()] == ids[::-1]
        since = int(clock.now().timestamp()) - 25
        later = await client.v1.checkout.sessions.list_async({"created": {"gte": since}})
        assert [each.id for each in later.data] == ids[:2:-1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"mode": "setup"}, "mode"),
            ({"success_url": "javascript:alert(1)"}, "success_url"),
            ({"line_items": []}, "line_items"),
            ({"line_items": [{"quantity": 1}]}, "line_items[0][price]"),
            ({"line_items": [{"price": "price_no", "quantity": 1}]}, "line_items[0][price]"),
            ({"colour": "red"}, "colour"),
            ({"expires_at": 1}, "expires_at"),
            ({"client_reference_id": "x" * 201}, "client_reference_id"),
            ({"metadata": {"x": "y" * 501}}, "metadata[x]"),
            ({"discounts": [{"coupon": "nothing"}]}, "discounts[0][coupon]"),
            ({"customer": "cus_nobody"}, "customer"),
        ],
    )
    async def test_the_parameter_is_named(
        self, client: stripe.StripeClient, change: Any, param: str
    ) -> None:
        """With 400, whatever is wrong with it."""
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.checkout.sessions.create_async(asked(**change))
        assert (caught.value.http_status, caught.value.param) == (400, param)

    async def test_what_is_not_there_is_missing(self, client: stripe.StripeClient) -> None:
        """With 404 and Stripe's code."""
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.checkout.sessions.retrieve_async("cs_test_nothing")
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")

    async def test_too_little_is_not_charged(self, client: stripe.StripeClient) -> None:
        """Stripe takes half a dollar at least."""
        line = asked()["line_items"][0]
        line["price_data"]["unit_amount"] = 49
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.checkout.sessions.create_async(asked(line_items=[line]))
        assert caught.value.code == "amount_too_small"


class TestPage:
    async def test_paying_leads_back_to_the_shop(
        self, client: stripe.StripeClient, browser: ClientSession, ear: Ear
    ) -> None:
        """With the session's id in the address, and the money there."""
        made = await client.v1.checkout.sessions.create_async(asked())
        async with browser.get(str(made.url)) as shown:
            text = await shown.text()
        assert shown.status == 200
        assert "Mug" in text
        assert "12.50 USD" in text
        async with browser.post(f"{made.url}/pay", allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == f"{SHOP}/stripe/success?session_id={made.id}"
        told = await ear.hear("checkout.session.completed")
        assert (told["id"], told["payment_status"]) == (made.id, "paid")
        assert told["client_reference_id"] == "checkout-1"
        paid = await client.v1.payment_intents.retrieve_async(
            told["payment_intent"], {"expand": ["latest_charge"]}
        )
        assert (paid.status, paid.amount_received) == ("succeeded", 1250)
        assert paid.latest_charge.paid is True  # type: ignore[union-attr]  # it is expanded

    async def test_a_declined_card_leaves_it_open(
        self, client: stripe.StripeClient, browser: ClientSession, ear: Ear
    ) -> None:
        """It is said on the page, and the next try may succeed."""
        made = await client.v1.checkout.sessions.create_async(asked())
        async with browser.post(f"{made.url}/decline") as answer:
            assert "Your card was declined." in await answer.text()
        failed = await ear.hear("payment_intent.payment_failed")
        assert failed["last_payment_error"]["decline_code"] == "generic_decline"
        async with browser.post(f"{made.url}/pay", allow_redirects=False) as answer:
            assert answer.status == 303
        assert (await ear.hear("checkout.session.completed"))["payment_intent"] == failed["id"]

    @pytest.mark.parametrize(
        ("word", "told", "status"),
        [
            ("paid", "checkout.session.async_payment_succeeded", "paid"),
            ("refused", "checkout.session.async_payment_failed", "unpaid"),
        ],
    )
    async def test_a_bank_takes_its_time(
        self,
        client: stripe.StripeClient,
        browser: ClientSession,
        ear: Ear,
        word: str,
        told: str,
        status: str,
    ) -> None:
        """The session is complete at once, and paid or not later."""
        made = await client.v1.checkout.sessions.create_async(asked())
        async with browser.post(f"{made.url}/pay_slowly", allow_redirects=False) as answer:
            assert answer.status == 303
        assert (await ear.hear("checkout.session.completed"))["payment_status"] == "unpaid"
        async with browser.post(f"{made.url}/bank/{word}") as answer:
            assert answer.status == 200
        assert (await ear.hear(told))["payment_status"] == status

    async def test_an_order_is_paid_once(
        self, client: stripe.StripeClient, browser: ClientSession, ear: Ear, served: Served
    ) -> None:
        """The second press of the button does nothing."""
        made = await client.v1.checkout.sessions.create_async(asked())
        for status in (303, 200):
            async with browser.post(f"{made.url}/pay", allow_redirects=False) as answer:
                assert answer.status == status
        await served.delivered()
        assert ear.types.count("checkout.session.completed") == 1

    async def test_what_is_free_needs_no_money(
        self, client: stripe.StripeClient, browser: ClientSession, ear: Ear
    ) -> None:
        """A coupon for everything makes it so."""
        await client.v1.coupons.create_async({"id": "ALL", "percent_off": 100})
        made = await client.v1.checkout.sessions.create_async(asked(discounts=[{"coupon": "ALL"}]))
        await (await browser.post(f"{made.url}/pay", allow_redirects=False)).release()
        told = await ear.hear("checkout.session.completed")
        assert (told["payment_status"], told["payment_intent"]) == ("no_payment_required", None)

    async def test_a_promotion_code_is_typed_in(
        self, client: stripe.StripeClient, browser: ClientSession
    ) -> None:
        """Only where the session allows it; a wrong one is refused on the page."""
        coupon = await client.v1.coupons.create_async({"amount_off": 250, "currency": "usd"})
        await client.v1.promotion_codes.create_async(
            {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "WELCOME"}
        )
        made = await client.v1.checkout.sessions.create_async(asked(allow_promotion_codes=True))
        async with browser.post(f"{made.url}/promotion", data={"code": "nope"}) as answer:
            assert "This code is invalid." in await answer.text()
        async with browser.post(f"{made.url}/promotion", data={"code": "welcome"}) as answer:
            assert "10.00 USD" in await answer.text()
        again = await client.v1.checkout.sessions.retrieve_async(made.id)
        assert again.amount_total == 1000

    async def test_nothing_from_outside_becomes_markup(
        self, client: stripe.StripeClient, browser: ClientSession
    ) -> None:
        """Whatever names and addresses have in them; and no script would run."""
        bad = "<script>alert('x')</script>\"'>"
        line = asked()["line_items"][0]
        line["price_data"]["product_data"]["name"] = bad
        made = await client.v1.checkout.sessions.create_async(
            asked(line_items=[line], cancel_url=f'{SHOP}/"><script>')
        )
        async with browser.get(str(made.url)) as shown:
            text, policy = await shown.text(), shown.headers["Content-Security-Policy"]
        assert "<script" not in text
        assert "&lt;script&gt;alert" in text
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert f"form-action 'self' {SHOP};" in policy

    @pytest.mark.parametrize("verb", ["", "/pay", "/decline", "/pay_slowly", "/promotion"])
    async def test_unknown_sessions_have_no_page(
        self, served: Served, browser: ClientSession, verb: str
    ) -> None:
        """Nor any button."""
        ask = browser.post if verb else browser.get
        async with ask(f"{served.url}/c/pay/cs_test_nothing{verb}") as answer:
            assert answer.status == 404

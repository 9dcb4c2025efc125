"""The pages of the sandbox's Stripe in a real browser: buyers pay, subscribers change plans."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import stripe
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from attrs import frozen
from playwright.async_api import Browser, expect

from support.browser import PHONE, SIZES, barriers, visit
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Served, serve_stripe

pytestmark = pytest.mark.asyncio(loop_scope="module")


@frozen
class Place:
    """An account, and a shop on another origin that buyers are sent back to."""

    served: Served
    v1: Any
    shop: str

    async def session(self, **more: Any) -> Any:
        """Open a session for a mug."""
        price = {"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Mug"}}
        return await self.v1.checkout.sessions.create_async(
            {
                "mode": "payment",
                "line_items": [{"price_data": price, "quantity": 1}],
                "success_url": f"{self.shop}/thanks?session={{CHECKOUT_SESSION_ID}}",
                "cancel_url": f"{self.shop}/basket",
                **more,
            }
        )

    async def portal(self) -> str:
        """Give the address of a subscriber's portal."""
        price = {
            "currency": "usd",
            "unit_amount": 900,
            "product_data": {"name": "Club"},
            "recurring": {"interval": "month"},
        }
        line = {"price_data": price, "quantity": 1}
        made = await self.session(mode="subscription", line_items=[line])
        customer = self.served.switches.pay(made.id)["customer"]
        portal = await self.v1.billing_portal.sessions.create_async({"customer": customer})
        return str(portal.url)


async def _thanks(request: web.Request) -> web.Response:
    text = f"<link rel='icon' href='data:,'><h1>Thanks for {request.query['session']}</h1>"
    return web.Response(text=text, content_type="text/html")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    app = web.Application()
    app.router.add_get("/thanks", _thanks)
    async with (
        serve_stripe() as served,
        ClientSession() as session,
        TestServer(app, host="127.0.0.1") as shop,
    ):
        addresses: Any = {"api": served.url}
        http = stripe.AIOHTTPClient(session=session)
        client = stripe.StripeClient(SECRET_KEY, base_addresses=addresses, http_client=http)
        yield Place(served, client.v1, str(shop.make_url("")).rstrip("/"))


class TestCheckout:
    async def test_after_a_declined_card_another_pays(
        self, chromium: Browser, place: Place
    ) -> None:
        """The refusal is said, and the browser is sent to the shop's own origin."""
        made = await place.session()
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(made.url)
            await seen.page.get_by_role("button", name="Use a card that is declined").click()
            await expect(seen.page.get_by_role("alert")).to_have_text("Your card was declined.")
            await seen.page.get_by_label("Email").fill("ada@example.com")
            await seen.page.get_by_role("button", name="Pay 12.50 USD").click()
            await expect(seen.page.get_by_role("heading")).to_have_text(f"Thanks for {made.id}")
            assert seen.complaints == []
        paid = await place.v1.checkout.sessions.retrieve_async(made.id)
        assert paid.customer_details.email == "ada@example.com"

    async def test_a_code_is_typed_in(self, chromium: Browser, place: Place) -> None:
        """And what is paid is less."""
        coupon = await place.v1.coupons.create_async({"percent_off": 20})
        promotion = {"type": "coupon", "coupon": coupon.id}
        await place.v1.promotion_codes.create_async({"promotion": promotion, "code": "FIFTH"})
        made = await place.session(allow_promotion_codes=True)
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(made.url)
            await seen.page.get_by_label("Promotion code").fill("FIFTH")
            await seen.page.get_by_role("button", name="Apply").click()
            await expect(seen.page.get_by_role("button", name="Pay 10.00 USD")).to_be_visible()

    async def test_a_bank_pays_later(self, chromium: Browser, place: Place) -> None:
        """The page has the bank's buttons as well."""
        made = await place.session()
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(made.url)
            await seen.page.get_by_role("button", name="Pay by bank").click()
            await expect(seen.page.get_by_role("heading")).to_contain_text("Thanks")
            await seen.page.goto(made.url)
            await seen.page.get_by_role("button", name="The bank pays").click()
            await expect(seen.page.get_by_text("Paid. Thank you.")).to_be_visible()


class TestPortal:
    async def test_a_subscriber_ends_and_takes_it_back(
        self, chromium: Browser, place: Place
    ) -> None:
        """As often as he likes."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(await place.portal())
            await seen.page.get_by_role("button", name="End with this period").click()
            await expect(seen.page.get_by_text("Ends on")).to_be_visible()
            await seen.page.get_by_role("button", name="Renew after all").click()
            await expect(seen.page.get_by_text("Active. Renews on")).to_be_visible()
            await seen.page.get_by_role("button", name="End now").click()
            await expect(seen.page.get_by_text("Ended.")).to_be_visible()
            assert seen.strangers(place.served.url) == []
            assert seen.complaints == []


class TestLooks:
    @pytest.mark.parametrize("size", SIZES)
    async def test_everybody_can_use_them(
        self, chromium: Browser, place: Place, axe: str, size: str
    ) -> None:
        """Axe finds nothing serious, at any width, whatever the page says."""
        made = await place.session(allow_promotion_codes=True)
        ended = await place.session()
        await place.v1.checkout.sessions.expire_async(ended.id)
        unknown = f"{place.served.url}/c/pay/nothing"
        async with visit(chromium, SIZES[size]) as seen:
            for url in (made.url, f"{place.served.url}/c/pay/{ended.id}", unknown):
                await seen.page.goto(url)
                assert await barriers(seen.page, axe) == []
            await seen.page.goto(made.url)
            await seen.page.get_by_role("button", name="Use a card that is declined").click()
            assert await barriers(seen.page, axe) == []
            await seen.page.goto(await place.portal())
            assert await barriers(seen.page, axe) == []

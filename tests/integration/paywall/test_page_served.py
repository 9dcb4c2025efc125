"""The page for people, as the gateway serves it."""

from collections.abc import AsyncIterator

import pytest

from support.card_shop import card_shop
from support.one_rail import RESOURCES as ONE_RAIL
from support.one_rail import StripeShop, stripe_shop
from support.shell import ask
from support.shop import ARTICLE, RESOURCES, Shop, open_shop
from support.untouched import untouched

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HOSTILE = {**RESOURCES, "evil": {**RESOURCES["article"], "description": "<script>x</script>"}}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop(paywall={"resources": HOSTILE, "page": {"title": "Books"}}) as made:
        yield made


class TestPage:
    async def test_a_browser_gets_it_and_pays_nothing(self, shop: Shop) -> None:
        """With the status that money is due, for no cache, and with a strict policy."""
        async with untouched(shop):
            page = await shop.get("/paywall/article", BROWSER)

        assert page.status == 402
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "Accept" in page.headers["Vary"]
        assert "0.05 USDC" in page.body
        assert "solana:" in page.body

    async def test_everybody_else_gets_json(self, shop: Shop) -> None:
        """And may pay as ever."""
        asked = await shop.get("/paywall/article", {"Accept": "*/*"})
        paid = await shop.paid(shop.buyer())

        assert (asked.status, asked.body["x402Version"]) == (402, 1)
        assert "Accept" in asked.headers["Vary"]
        assert paid.status == 200
        assert shop.balance() == ARTICLE

    async def test_its_files_are_there(self, shop: Shop) -> None:
        """At addresses relative to the page's own."""
        page = await shop.get("/paywall/article", BROWSER)
        names = [part.partition('"')[0] for part in page.body.split('"./page/')[1:]]
        for name in names:
            file = await shop.get(f"/paywall/page/{name}")
            assert (file.status, "immutable" in file.headers["Cache-Control"]) == (200, True)
        assert len(names) == 2
        assert (await shop.get("/paywall/page/other.txt")).code == "route_not_found"

    async def test_a_hostile_product_is_text(self, shop: Shop) -> None:
        """As the seller wrote it, and nothing that runs."""
        page = await shop.get("/paywall/evil", BROWSER)
        assert "<h1>&lt;script&gt;x&lt;/script&gt;</h1>" in page.body

    async def test_a_coupon_is_taken_off(self, shop: Shop) -> None:
        """Both prices are shown."""
        page = await shop.get("/paywall/article?couponCode=HALF", BROWSER)
        assert "<s>0.05 USDC</s>0.03 USDC" in page.body

    async def test_a_coupon_that_does_not_count_is_said_to(self, shop: Shop) -> None:
        """In the words of the contract, with the price that holds."""
        page = await shop.get("/paywall/article?couponCode=%22%3E%3Cb%3E", BROWSER)
        assert "Coupon not found" in page.body
        assert "0.05 USDC" in page.body
        assert "<b>" not in page.body

    async def test_so_is_one_that_a_strict_gateway_refuses(self) -> None:
        """The page does not end there."""
        async with open_shop(coupons={"strict": True}) as shop:
            page = await shop.get("/paywall/article?couponCode=NOPE", BROWSER)
        assert page.status == 402
        assert "Coupon not found" in page.body

    async def test_what_costs_nothing_is_not_granted_by_looking(self, shop: Shop) -> None:
        """A limited coupon is not used up by whoever only opens the page."""
        async with untouched(shop):
            page = await shop.get("/paywall/article?couponCode=FREE", BROWSER)
        assert "Free" in page.body

    async def test_what_is_not_there_is_said_to_people(self, shop: Shop) -> None:
        """By a page too, in the words of the contract."""
        page = await shop.get("/paywall/nothing", BROWSER)
        card_only = await shop.get("/paywall/mug", BROWSER)

        assert (page.status, "Resource not found" in page.body) == (404, True)
        assert card_only.status == 400

    async def test_it_can_be_switched_off(self) -> None:
        """Browsers then get what everybody gets."""
        async with open_shop(paywall={"page": {"enabled": False}}) as shop:
            page = await shop.get("/paywall/article", BROWSER)
            file = await shop.get("/paywall/page/page.x.js")
        assert page.body["x402Version"] == 1
        assert file.status == 404

    async def test_it_stands_under_a_prefix(self) -> None:
        """Its addresses are relative, whatever a proxy does with the path."""
        async with open_shop(server={"route_prefix": "/pay"}) as shop:
            page = await shop.get("/pay/paywall/article", BROWSER)
            name = page.body.split('"./page/')[1].partition('"')[0]
            file = await shop.get(f"/pay/paywall/page/{name}")
        assert (page.status, file.status) == (402, 200)


class TestCards:
    async def test_their_price_is_shown_where_it_is_known(self) -> None:
        """After coupons, and beside the list price; a provider's own price is on its own page."""
        async with card_shop() as shop:
            mug = await ask(shop.client, "/paywall/mug?couponCode=HALF", headers=BROWSER)
            poster = await ask(shop.client, "/paywall/poster", headers=BROWSER)
            token = await ask(shop.client, "/paywall/token", headers=BROWSER)

        assert b"<s>12.50 USD</s>6.25 USD" in mug.raw
        assert b"on the next page" in poster.raw
        assert b"Pay by card" in poster.raw
        assert token.status == 400

    async def test_a_cart_at_the_providers_prices_is_paid_there(self) -> None:
        """Its lines name the provider's prices, and only its page knows what they come to."""
        async with card_shop() as shop:
            asked = {"items": [{"priceId": "price_1", "quantity": 2}]}
            made = await ask(shop.client, "/paywall/v1/cart/checkout", "POST", json=asked)
            cart = made.body["cartId"]
            page = await ask(shop.client, f"/paywall/{cart}", headers=BROWSER)
            again = {"cartId": cart}
            opened = await ask(shop.client, "/paywall/v1/cart/checkout", "POST", json=again)

        assert page.status == 402
        assert b"on the next page" in page.raw
        assert b"Pay by card" in page.raw
        assert opened.body["sessionId"] == made.body["sessionId"]


class TestShopsOfCardsAlone:
    @pytest.fixture
    async def cards(self) -> AsyncIterator[StripeShop]:
        async with stripe_shop() as made:
            yield made

    async def test_what_is_too_little_for_cards_has_no_button(self, cards: StripeShop) -> None:
        """Before coupons or after them; the page says what would be enough."""
        pin = await cards.get("/paywall/pin", BROWSER["Accept"])
        spoon = await cards.get("/paywall/spoon?couponCode=HALF", BROWSER["Accept"])
        whole = await cards.get("/paywall/spoon", BROWSER["Accept"])

        for page in (pin, spoon):
            assert page.status == 402
            assert b"Pay by card" not in page.raw
            assert b"0.50 USD is the least" in page.raw
        assert b"Pay by card" in whole.raw

    async def test_a_cart_of_too_little_has_none_either(self, cards: StripeShop) -> None:
        """Carts have the same page; what came off them is named."""
        little = {"items": [{"resource": "spoon"}], "couponCode": "HALF"}
        made = (await cards.post("/paywall/v1/cart/quote", little)).body
        page = await cards.get(f"/paywall/{made['cartId']}", BROWSER["Accept"])

        assert b"Pay by card" not in page.raw
        assert b"0.50 USD is the least" in page.raw
        assert b"<dt>Coupons</dt><dd>HALF</dd>" in page.raw

    async def test_a_plan_is_subscribed_to(self, cards: StripeShop) -> None:
        """With its period, its trial and its price, which the session charges."""
        page = await cards.get("/paywall/club", BROWSER["Accept"])
        asked = {"resource": "club", "interval": "monthly"}
        opened = await cards.post("/paywall/v1/subscription/stripe-session", asked)

        assert b"9.00 USD a month" in page.raw
        assert b"The first 14 days are free" in page.raw
        assert b"Subscribe by card" in page.raw
        assert b'data-interval="monthly"' in page.raw
        assert opened.status == 200

    async def test_a_coupon_comes_off_the_first_period(self) -> None:
        """Where there is no trial."""
        plan = {**ONE_RAIL["club"], "subscription": {"billing_period": "month"}}
        async with stripe_shop(paywall={"resources": {"club": plan}}) as shop:
            page = await shop.get("/paywall/club?couponCode=HALF", BROWSER["Accept"])
        assert b"4.50 USD at first, then 9.00 USD a month" in page.raw

    async def test_nothing_is_sold_by_the_period_where_that_is_off(self) -> None:
        """What could be paid by nothing else cannot be bought."""
        async with stripe_shop(subscriptions={"enabled": False}) as shop:
            page = await shop.get("/paywall/club", BROWSER["Accept"])
        assert page.status == 400
        assert b"Subscribe by card" not in page.raw

    async def test_what_costs_nothing_is_had_by_a_click(self, cards: StripeShop) -> None:
        """And not on the provider's page."""
        page = await cards.get("/paywall/mug?couponCode=FREE", BROWSER["Accept"])
        assert b"Get it" in page.raw
        assert b"Pay by card" not in page.raw

    async def test_a_paid_cart_still_shows_what_is_in_it(self, cards: StripeShop) -> None:
        """To whoever comes back from paying it, before the script has asked how it stands."""
        asked = {"items": [{"resource": "mug", "quantity": 2}]}
        made = (await cards.post("/paywall/v1/cart/checkout", asked)).body
        await cards.pay(made["sessionId"])
        page = await cards.get(f"/paywall/{made['cartId']}", BROWSER["Accept"])

        assert page.status == 400
        assert "2 × A mug" in page.raw.decode()
        assert b"already been paid" in page.raw
        assert f'data-resource="{made["cartId"]}"'.encode() in page.raw

    async def test_buyers_come_back_to_it_only_on_hosts_that_the_settings_name(self) -> None:
        """The script is told where the page is, and asks to come back to nothing else."""
        async with stripe_shop(stripe={"redirect_hosts": ["pay.example"]}) as shop:
            ours = await ask(
                shop.client, "/paywall/mug", headers={**BROWSER, "Host": "pay.example"}
            )
            other = await shop.get("/paywall/mug", BROWSER["Accept"])
            evil = await ask(
                shop.client, "/paywall/mug", headers={**BROWSER, "Host": "evil.example"}
            )

        assert b'data-origin="http://pay.example"' in ours.raw
        assert b'data-origin=""' in other.raw
        assert b'data-origin=""' in evil.raw

    async def test_the_gateways_own_address_is_one(self) -> None:
        """Stripe is then asked to lead back to the page, and to no host that a client names."""
        async with stripe_shop(server={"public_url": "https://pay.example"}) as shop:
            page = await shop.get("/paywall/mug", BROWSER["Accept"])
            back = "https://pay.example/paywall/mug#paid={CHECKOUT_SESSION_ID}"
            asked = {"resource": "mug", "successUrl": back}
            opened = await shop.post("/paywall/v1/stripe-session", asked)
            elsewhere = {**asked, "successUrl": back.replace("pay.", "pay.evil.")}
            refused = await shop.post("/paywall/v1/stripe-session", elsewhere)
            shelves = shop.stripe.account.shelves
            session = shelves.get("checkout.session", opened.body["sessionId"]) or {}

        assert b'data-origin="https://pay.example"' in page.raw
        assert session["success_url"] == back
        assert (refused.status, refused.code) == (400, "invalid_field")

    @pytest.mark.parametrize("strict", [False, True])
    async def test_a_code_of_nobodys_goes_to_the_card_page(self, strict: bool) -> None:
        """It may be a promotion of the provider's; to a plan, which takes none, it does not go."""
        async with stripe_shop(coupons={"strict": strict}) as shop:
            mug = await shop.get("/paywall/mug?couponCode=THEIRS", BROWSER["Accept"])
            pin = await shop.get("/paywall/pin?couponCode=THEIRS", BROWSER["Accept"])
            club = await shop.get("/paywall/club?couponCode=THEIRS", BROWSER["Accept"])
            known = await shop.get("/paywall/mug?couponCode=HALF", BROWSER["Accept"])

        assert b'data-promotion="THEIRS"' in mug.raw
        assert b"it comes off there" in mug.raw
        for page in (pin, club, known):
            assert b'data-promotion=""' in page.raw
            assert b"it comes off there" not in page.raw

"""Shops that take nothing but cards, or nothing but tokens: every price can be asked for."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.one_rail import COUPONS, RESOURCES, StripeShop, stripe_shop
from support.shop import Shop, open_shop
from support.whole_shop import open_whole_shop
from tillway.core.ids import CART_ID

pytestmark = pytest.mark.asyncio(loop_scope="module")

CART = "/paywall/v1/cart/quote"
CHECKOUT = "/paywall/v1/cart/checkout"
SESSION = "/paywall/v1/stripe-session"
BROWSER = "text/html,*/*;q=0.8"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cards() -> AsyncIterator[StripeShop]:
    async with stripe_shop() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tokens() -> AsyncIterator[Shop]:
    # The same catalogue, by a gateway that knows no Stripe.
    async with open_shop(paywall={"resources": RESOURCES}, coupons={"coupons": COUPONS}) as made:
        yield made


class TestCartsByCardAlone:
    async def test_a_quote_says_what_it_comes_to_by_card(self, cards: StripeShop) -> None:
        """Every field but the requirement of x402, which nobody could fulfil."""
        items = [{"resource": "mug", "quantity": 2, "variantId": "blue"}, {"resource": "spoon"}]

        said = await cards.post(CART, {"items": items, "couponCode": "HALF"})

        body = dict(said.body)
        assert said.status == 402
        assert CART_ID.fullmatch(body.pop("cartId"))
        assert body.pop("expiresAt").endswith("Z")
        assert body == {
            "items": [
                {
                    "resource": "mug",
                    "quantity": 2,
                    "variantId": "blue",
                    "priceAmount": 12.5,
                    "originalPrice": 12.5,
                    "token": "USD",
                    "description": "A mug",
                },
                {
                    "resource": "spoon",
                    "quantity": 1,
                    "priceAmount": 0.6,
                    "originalPrice": 0.6,
                    "token": "USD",
                    "description": "A spoon",
                },
            ],
            "totalAmount": 12.8,
            "token": "USD",
        }

    async def test_it_is_paid_at_that_price(self, cards: StripeShop) -> None:
        """Its id opens the checkout, and the cart is then paid."""
        made = (await cards.post(CART, {"items": [{"resource": "mug"}], "coupon": "HALF"})).body
        opened = await cards.post(CHECKOUT, {"cartId": made["cartId"]})
        await cards.pay(opened.body["sessionId"])

        state = (await cards.get(f"/paywall/v1/cart/{made['cartId']}")).body
        proof = (await cards.get(f"{SESSION}/verify?session_id={opened.body['sessionId']}")).body
        assert (state["status"], state["totalAmount"], state["token"]) == ("paid", 6.25, "USD")
        assert proof["amount"] == "6.25 USD"

    async def test_nothing_left_to_pay_is_granted_where_it_is_asked_for(
        self, cards: StripeShop
    ) -> None:
        """As it is where tokens are taken."""
        said = await cards.post(CART, {"items": [{"resource": "mug"}], "couponCode": "FREE"})
        granted = await cards.get(f"/paywall/{said.body['cartId']}")

        assert (said.status, said.body["totalAmount"]) == (200, 0)
        assert (granted.status, granted.body["cartId"]) == (200, said.body["cartId"])

    @pytest.mark.parametrize(
        ("items", "code", "words"),
        [
            ([{"resource": "nothing"}], "resource_not_found", "nothing"),
            ([{"resource": "mug"}, {}], "invalid_cart_item", "item 1 missing resource"),
            ([{"resource": "poster"}], "invalid_cart_item", "item 0 has a price that only"),
            ([], "empty_cart", "at least one"),
        ],
    )
    async def test_what_cannot_be_promised_is_refused(
        self, cards: StripeShop, items: Any, code: str, words: str
    ) -> None:
        """A price that only Stripe knows is charged by a checkout, and promised by nobody."""
        said = await cards.post(CART, {"items": items})
        assert said.code == code
        assert words in said.body["error"]["message"]

    async def test_its_page_offers_cards(self, cards: StripeShop) -> None:
        """With its lines and its price."""
        made = (await cards.post(CART, {"items": [{"resource": "mug", "quantity": 3}]})).body
        page = (await cards.get(f"/paywall/{made['cartId']}", BROWSER)).raw
        assert b"37.50 USD" in page
        assert b"3 \xc3\x97 A mug" in page
        assert b"Pay by card" in page


class TestSinglePricesByCardAlone:
    async def test_every_price_is_the_cards(self, cards: StripeShop) -> None:
        """A part for cards and none for tokens, on the quote; the list says the same."""
        quote = (await cards.get("/paywall/v1/quote?resource=mug&couponCode=HALF")).body
        listed = (await cards.get("/paywall/v1/products/mug")).body

        assert quote["stripe"]["amountCents"] == 625
        assert "crypto" not in quote
        assert quote["free"] is False
        assert (listed["fiatAmount"], listed["effectiveFiatAmount"]) == (12.5, 12.5)

    @pytest.mark.parametrize("path", ["/paywall/v1/quote", "/paywall/mug"])
    async def test_a_challenge_of_x402_names_the_way_that_is_open(
        self, cards: StripeShop, path: str
    ) -> None:
        """Nobody could pay a challenge without offers."""
        said = (
            await cards.post(path, {"resource": "mug"})
            if path.endswith("quote")
            else await cards.get(path)
        )
        assert (said.status, said.code) == (400, "invalid_resource")
        assert said.body["error"]["details"]["methods"] == ["stripe"]

    async def test_what_costs_nothing_is_granted(self, cards: StripeShop) -> None:
        """By the quote, the resource and the session alike; looking at prices grants nothing."""
        told = (await cards.get("/paywall/v1/quote?resource=mug&couponCode=FREE")).body
        quote = await cards.post("/paywall/v1/quote", {"resource": "mug", "couponCode": "FREE"})
        resource = await cards.get("/paywall/mug?couponCode=FREE")
        session = await cards.post(SESSION, {"resource": "mug", "couponCode": "FREE"})

        assert told["free"] is True
        assert (quote.status, quote.body["granted"]) == (200, True)
        assert (resource.status, resource.body["granted"]) == (200, True)
        assert (session.status, session.body["granted"]) == (200, True)


class TestTooLittle:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (SESSION, {"resource": "pin"}),
            (SESSION, {"resource": "spoon", "couponCode": "HALF"}),
            (CHECKOUT, {"items": [{"resource": "pin"}]}),
            (CHECKOUT, {"items": [{"resource": "spoon"}], "couponCode": "HALF"}),
        ],
    )
    async def test_a_session_is_refused_before_stripe_is_asked(
        self, cards: StripeShop, path: str, body: Any
    ) -> None:
        """After coupons; the refusal names what would be enough, and no cart is kept."""
        before = cards.written()

        said = await cards.post(path, body)

        assert (said.status, said.code) == (400, "invalid_amount")
        assert "0.50 USD is the least" in said.body["error"]["message"]
        assert said.body["error"]["details"]["least"] == "0.50 USD"
        assert cards.written() == before

    async def test_a_quoted_cart_is_refused_its_checkout(self, cards: StripeShop) -> None:
        """It was priced, and its page says why there is no button."""
        made = (await cards.post(CART, {"items": [{"resource": "pin"}]})).body
        said = await cards.post(CHECKOUT, {"cartId": made["cartId"]})
        assert (said.status, said.code) == (400, "invalid_amount")

    async def test_quotes_say_so_too(self, cards: StripeShop) -> None:
        """Where nothing else takes it; the list goes on to show the price."""
        said = await cards.get("/paywall/v1/quote?resource=pin")
        listed = (await cards.get("/paywall/v1/products/pin")).body
        assert (said.status, said.code) == (400, "invalid_amount")
        assert listed["fiatAmountCents"] == 49

    async def test_enough_is_charged(self, cards: StripeShop) -> None:
        """Two of what is too little alone, and the least itself."""
        two = await cards.post(CHECKOUT, {"items": [{"resource": "pin", "quantity": 2}]})
        spoon = await cards.post(SESSION, {"resource": "spoon"})
        assert (two.status, spoon.status) == (200, 200)


class TestTokensAlone:
    async def test_carts_and_single_prices_are_quoted(self, tokens: Shop) -> None:
        """In tokens; there is no part for cards."""
        cart = await tokens.post(CART, {"items": [{"resource": "both"}]})
        every = await tokens.get("/paywall/v1/quote?resource=both")
        one = await tokens.post("/paywall/v1/quote", {"resource": "both"})
        listed = await tokens.get("/paywall/v1/products/both")

        assert (cart.status, cart.body["token"], "quote" in cart.body) == (402, "USDC", True)
        assert ("crypto" in every.body, "stripe" in every.body) == (True, False)
        assert len(one.body["accepts"]) == 1
        assert listed.body["cryptoAmount"] == 0.2

    async def test_what_only_cards_can_buy_is_refused(self, tokens: Shop) -> None:
        """By name, in a cart and alone."""
        cart = await tokens.post(CART, {"items": [{"resource": "both"}, {"resource": "mug"}]})
        one = await tokens.get("/paywall/v1/quote?resource=mug")
        session = await tokens.post(SESSION, {"resource": "mug"})

        assert (cart.code, cart.body["error"]["details"]["item"]) == ("invalid_cart_item", 1)
        assert (one.code, session.code) == ("invalid_resource", "invalid_resource")


class TestBothRails:
    async def test_a_cart_that_no_token_can_pay_is_quoted_for_cards(self) -> None:
        """Where some of it has no other price; what tokens can pay is still quoted in tokens."""
        known = {"resources": RESOURCES}
        async with open_whole_shop(paywall=known, coupons={"coupons": COUPONS}) as made:
            shop = made.shop
            mixed = {"items": [{"resource": "both"}, {"resource": "mug"}]}
            card = await shop.post(CART, mixed)
            token = await shop.post(CART, {"items": [{"resource": "both"}]})
            offer = await shop.get(f"/paywall/{card.body['cartId']}")
            opened = await shop.post(CHECKOUT, {"cartId": card.body["cartId"]})
            await made.pay(opened.body["sessionId"])

        assert (card.status, card.body["token"], card.body["totalAmount"]) == (402, "USD", 12.7)
        assert "quote" not in card.body
        assert (token.body["token"], "quote" in token.body) == ("USDC", True)
        assert (offer.code, offer.body["error"]["details"]["methods"]) == (
            "invalid_resource",
            ["stripe"],
        )
        assert made.taken(opened.body["sessionId"]) == 1270

"""Carts by card: what is charged, what it says, what is refused, and that it is paid once."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio

from support.card_shop import COUPONS, RESOURCES, CardShop, card_shop
from support.cards import THEIRS, USD
from support.shell import Said, ask
from tillway.core.checkouts import CheckoutState
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.money import Money
from tillway.core.payments import State
from tillway.core.ports.hosting import SessionStatus
from tillway.core.services.carts.baskets import MOST_LINES
from tillway.core.tenancy import DEFAULT

CHECKOUT = "/paywall/v1/cart/checkout"
PLATE: Mapping[str, Any] = {
    "description": "A plate",
    "fiat_amount_cents": 800,
    "stripe_price_id": "price_plate",
}
SOLD = {
    **RESOURCES,
    "plate": PLATE,
    "saucer": {**PLATE, "fiat_amount_cents": 300, "stripe_price_id": "price_saucer"},
    "euro": {"fiat_amount_cents": 100, "fiat_currency": "eur"},
}
_TENTH: Mapping[str, Any] = {
    "discount_type": "percentage",
    "discount_value": 10,
    "active": True,
    "scope": "specific",
}
KINDS = {
    **COUPONS,
    "CHINA": {"code": "CHINA", **_TENTH, "product_ids": ["plate", "saucer"]},
    "ALWAYS": {
        "code": "ALWAYS",
        **_TENTH,
        "product_ids": ["saucer"],
        "auto_apply": True,
        "applies_at": "catalog",
    },
}
TWO: Sequence[Mapping[str, Any]] = (
    {"resource": "mug", "quantity": 2},
    {"priceId": "price_plate", "quantity": 1, "description": "For Anna"},
)
TOTAL = Money(3_300, USD)


@pytest.fixture
async def shop() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop(paywall={"resources": SOLD}, coupons={"coupons": KINDS}) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def picky() -> AsyncIterator[CardShop]:
    """Give one that refuses all that it is asked, and so stays as it is."""
    async with card_shop(paywall={"resources": SOLD}, coupons={"coupons": KINDS}) as made:
        yield made


async def check_out(shop: CardShop, items: object = TWO, **more: Any) -> Said:
    return await ask(shop.client, CHECKOUT, "POST", json={"items": items, **more})


async def shown(shop: CardShop, cart: str) -> Said:
    return await ask(shop.client, f"/paywall/v1/cart/{cart}")


def error(said: Said) -> tuple[int, str, str]:
    return said.status, said.body["error"]["code"], said.body["error"]["message"]


@pytest.mark.asyncio
class TestCharges:
    async def test_the_answer_is_the_contracts(self, shop: CardShop) -> None:
        """The session, where to pay, and lines, not pieces; our cart beside it."""
        said = await check_out(shop)
        assert said.status == 200, said.body
        body = dict(said.body)
        cart = body.pop("cartId")
        assert body == {
            "sessionId": "cs_1",
            "url": "https://checkout.example/cs_1",
            "totalItems": 2,
        }
        assert (await shown(shop, cart)).body["totalAmount"] == 33.0

    async def test_lines_go_at_our_prices(self, shop: CardShop) -> None:
        """Each with what Stripe knows it as, whether it was named by id or by price."""
        await check_out(shop)
        (order,) = shop.cards.orders
        assert [
            (line.description, line.quantity, line.unit, line.price_id) for line in order.lines
        ] == [
            ("A mug", 2, Money(1_250, USD), ""),
            ("For Anna", 1, Money(800, USD), "price_plate"),
        ]
        assert order.discount is None
        assert (await shop.checkout("cs_1")).amount == TOTAL

    @pytest.mark.parametrize("name", ["coupon", "couponCode"])
    async def test_a_coupon_comes_off_the_whole(self, shop: CardShop, name: str) -> None:
        """By either of the SDK's names; the session charges what is left."""
        await check_out(shop, **{name: "HALF"})
        (order,) = shop.cards.orders
        assert order.discount == Money(1_650, USD)
        assert order.metadata["coupon_code"] == "HALF"
        assert (await shop.checkout("cs_1")).amount == Money(1_650, USD)

    async def test_a_coupon_for_every_line_comes_off_too(self, shop: CardShop) -> None:
        """Although it is not for everything that is sold; the catalogue's are in the lines."""
        await check_out(shop, [{"resource": "plate"}, {"resource": "saucer"}], couponCode="CHINA")
        (order,) = shop.cards.orders
        assert [line.unit for line in order.lines] == [Money(800, USD), Money(270, USD)]
        assert order.discount == Money(107, USD)
        assert order.metadata["coupon_code"] == "ALWAYS,CHINA"

    async def test_prices_of_the_providers_are_learned_from_it(self, shop: CardShop) -> None:
        """What it charges is what must be paid, and what is shown."""
        said = await check_out(shop, [{"resource": "poster"}, {"priceId": "price_unknown"}])
        (order,) = shop.cards.orders
        assert [(line.unit, line.price_id) for line in order.lines] == [
            (None, "price_1"),
            (None, "price_unknown"),
        ]
        assert (await shop.checkout("cs_1")).amount == THEIRS
        cart = (await shown(shop, said.body["cartId"])).body
        assert "totalAmount" not in cart

    async def test_a_code_that_is_none_of_ours_may_be_the_providers(self, shop: CardShop) -> None:
        """As for single products."""
        shop.cards.promotion = 300
        await check_out(shop, couponCode="SUMMER")
        assert shop.cards.orders[0].promotion_code == "SUMMER"
        assert (await shop.checkout("cs_1")).amount == Money(3_000, USD)

    async def test_what_costs_nothing_is_granted(self, shop: CardShop) -> None:
        """No session is opened; the cart is paid, by nobody's wallet."""
        said = await check_out(shop, couponCode="FREE")
        assert said.body["granted"] is True
        assert said.body["url"] == f"https://shop.example/done?id={said.body['sessionId']}"
        assert not shop.cards.orders
        assert (await shown(shop, said.body["cartId"])).body["status"] == "paid"

    async def test_nor_is_it_where_a_page_is_elsewhere(self, shop: CardShop) -> None:
        """What would be refused of a buyer is refused before anything is used up for him."""
        said = await check_out(shop, couponCode="FREE", successUrl="https://evil.example/")
        assert (said.status, said.body["error"]["code"]) == (400, "invalid_field")
        assert await shop.redeemed("FREE") == 0
        assert not await shop.facts("payment.succeeded")

    async def test_as_many_lines_as_a_cart_has(self, shop: CardShop) -> None:
        """The rail sees them all."""
        said = await check_out(shop, [{"resource": "mug"}] * MOST_LINES)
        assert said.body["totalItems"] == MOST_LINES
        assert len(shop.cards.orders[0].lines) == MOST_LINES


@pytest.mark.asyncio
class TestMetadata:
    async def test_it_is_the_contracts_and_ours_is_last(self, shop: CardShop) -> None:
        """Names of ours are nobody else's, for the whole and for lines."""
        theirs = {"cart_items": "9", "item_0_resource": "x", "coupon_code": "y", "gift": "yes"}
        line = {"quantity": "100", "price_id": "z", "colour": "blue"}
        items = [{**TWO[0], "metadata": line}, {**TWO[1], "variantId": "xl"}]
        await check_out(shop, items, metadata=theirs, couponCode="HALF")
        metadata = dict(shop.cards.orders[0].metadata)
        assert metadata.pop("resource_id").startswith("cart_")
        assert metadata == {
            "gift": "yes",
            "item_0_colour": "blue",
            "item_0_resource": "mug",
            "item_0_quantity": "2",
            "item_0_price_amount": "12.50",
            "item_0_token": "USD",
            "item_1_variant_id": "xl",
            "item_1_resource": "plate",
            "item_1_price_id": "price_plate",
            "item_1_quantity": "1",
            "item_1_price_amount": "8.00",
            "item_1_token": "USD",
            "cart_items": "2",
            "total_quantity": "3",
            "coupon_codes": "HALF",
            "coupon_code": "HALF",
        }

    async def test_the_sdks_other_fields_are_taken(self, shop: CardShop) -> None:
        """And the address of who buys goes to the provider."""
        said = await check_out(
            shop,
            customerEmail="anna@shop.example",
            customerName="Anna",
            customerPhone="1",
            shippingAddress={"line1": "Road 1", "country": {"code": "DE"}},
            billingAddress={},
            tipAmount=0,
            shippingMethodId="post",
            paymentMethodId="pm_1",
            stripeCouponId="co_1",
        )
        assert said.status == 200, said.body
        assert shop.cards.orders[0].customer_email == "anna@shop.example"


@pytest.mark.asyncio(loop_scope="module")
class TestRefusals:
    async def refused(self, picky: CardShop, **body: Any) -> Said:
        said = await ask(picky.client, CHECKOUT, "POST", json=body)
        assert not picky.cards.orders
        return said

    @pytest.mark.parametrize("body", [{}, {"items": []}])
    async def test_without_lines(self, picky: CardShop, body: dict[str, Any]) -> None:
        """The contract's words."""
        text = "at least one item required in cart"
        assert error(await self.refused(picky, **body)) == (400, "empty_cart", text)

    async def test_of_what_is_not_sold(self, picky: CardShop) -> None:
        """With the line and the id."""
        said = await self.refused(picky, items=[TWO[0], {"resource": "none"}])
        assert error(said) == (404, "resource_not_found", "resource not found: none")
        assert said.body["error"]["details"] == {"item": 1, "resourceId": "none"}

    async def test_of_nothing(self, picky: CardShop) -> None:
        """A line needs one of two names."""
        said = await self.refused(picky, items=[TWO[0], {"quantity": 1}])
        text = "priceId or resource required for all items"
        assert error(said) == (400, "invalid_cart_item", text)
        assert said.body["error"]["details"] == {"item": 1}

    async def test_of_two_names_for_two_things(self, picky: CardShop) -> None:
        """A cheap price is no way to a dear product."""
        said = await self.refused(picky, items=[{"resource": "plate", "priceId": "price_saucer"}])
        assert said.body["error"]["code"] == "invalid_cart_item"
        assert said.body["error"]["details"] == {"item": 0, "priceId": "price_saucer"}

    async def test_of_what_has_no_price_for_cards(self, picky: CardShop) -> None:
        """It is sold for tokens."""
        said = await self.refused(picky, items=[TWO[0], {"resource": "token"}])
        text = "item 1 has no price for this way to pay"
        assert error(said) == (400, "invalid_cart_item", text)

    async def test_of_two_currencies(self, picky: CardShop) -> None:
        """A session has one."""
        said = await self.refused(picky, items=[TWO[0], {"resource": "euro"}])
        text = "mixed tokens in cart (got USD and EUR)"
        assert error(said) == (400, "invalid_cart_item", text)
        assert said.body["error"]["details"]["item"] == 1

    async def test_of_a_coupon_where_a_price_is_nobodys(self, picky: CardShop) -> None:
        """Whether it is for that cannot be known."""
        said = await self.refused(picky, items=[{"priceId": "price_x"}], couponCode="HALF")
        text = "cannot apply coupon: priceId does not map to a known product"
        assert error(said) == (400, "invalid_cart_item", text)
        details = said.body["error"]["details"]
        assert (details["item"], details["priceId"]) == (0, "price_x")
        assert details["hint"]

    async def test_of_a_coupon_that_is_not_for_all(self, picky: CardShop) -> None:
        """`coupon_not_applicable` names the line and the scope."""
        said = await self.refused(picky, items=TWO, couponCode="CHINA")
        text = "coupon does not apply to all items in cart"
        assert error(said) == (409, "coupon_not_applicable", text)
        assert said.body["error"]["details"] == {
            "coupon": "CHINA",
            "invalidItem": "mug",
            "couponScope": "specific",
        }

    async def test_of_a_coupon_for_tokens(self, picky: CardShop) -> None:
        """`coupon_wrong_payment_method`."""
        said = await self.refused(picky, items=TWO, couponCode="TOKENS")
        text = "coupon not valid for card payments"
        assert error(said) == (409, "coupon_wrong_payment_method", text)

    async def test_of_pages_elsewhere(self, picky: CardShop) -> None:
        """Only configured hosts."""
        for name in ("successUrl", "cancelUrl"):
            said = await self.refused(picky, items=TWO, **{name: "https://evil.example/"})
            assert (said.status, said.body["error"]["code"]) == (400, "invalid_field")

    @pytest.mark.parametrize(
        "body",
        [
            {"items": TWO, "tipAmount": 5},
            {"items": TWO, "tipAmount": -1},
            {"items": TWO, "total": 5},
            {"items": TWO, "cartId": "cart_" + "0" * 32},
            {"cartId": "cart_1"},
            {"items": [{"resource": "mug", "quantity": 1.5}]},
            {"items": [{"resource": "mug", "quantity": "2"}]},
            {"items": [{"resource": "mug", "quantity": 1_000_000}]},
            {"items": [{"resource": "mug", "unitAmount": 1}]},
            {"items": TWO, "customerEmail": "nobody"},
            {"items": [{"priceId": "price\0"}]},
            {"items": [{"resource": "mug", "description": "a\0"}]},
            {"items": [{"resource": "mug", "variantId": "a\x1b"}]},
            {"items": TWO, "metadata": {"a": "\0"}},
            {"items": [{"resource": "mug"}] * (MOST_LINES + 1)},
            {"items": [{"resource": "mug"}] * 10_000},
        ],
    )
    async def test_of_what_cannot_be(self, picky: CardShop, body: dict[str, Any]) -> None:
        """`invalid_field`."""
        said = await self.refused(picky, **body)
        assert (said.status, said.body["error"]["code"]) == (400, "invalid_field")

    @pytest.mark.parametrize(
        ("trouble", "status"),
        [(Declined(Code.STRIPE_ERROR), 502), (Unavailable(Code.STRIPE_ERROR), 502)],
    )
    async def test_of_the_providers(
        self, picky: CardShop, trouble: TillwayError, status: int
    ) -> None:
        """`stripe_error`; nothing of the coupon or the address's share stays taken."""
        picky.cards.trouble = trouble
        said = await self.refused(picky, items=TWO, couponCode="ONCE")
        picky.cards.trouble = None
        assert (said.status, said.body["error"]["code"]) == (status, "stripe_error")
        assert await picky.redeemed("ONCE") == 0
        assert await picky.unpaid() == 0


@pytest.mark.asyncio
class TestStrict:
    @pytest.mark.parametrize(
        ("code", "status", "said"),
        [
            ("UNKNOWN", 404, "coupon_not_found"),
            ("a,b", 400, "invalid_coupon"),
            ("OVER", 409, "coupon_expired"),
            ("CHINA", 409, "coupon_not_applicable"),
            ("TOKENS", 409, "coupon_wrong_payment_method"),
        ],
    )
    async def test_a_coupon_that_does_not_count_is_refused(
        self, code: str, status: int, said: str
    ) -> None:
        """One that nobody knows only after the provider was asked for it."""
        coupons = {"coupons": KINDS, "strict": True}
        async with card_shop(paywall={"resources": SOLD}, coupons=coupons) as shop:
            answer = await check_out(shop, couponCode=code)
            assert (answer.status, answer.body["error"]["code"]) == (status, said)
            assert not shop.cards.sessions
            assert await shop.unpaid() == 0

    async def test_a_coupon_takes_nothing_off_prices_of_the_providers(self) -> None:
        """So it does not count."""
        coupons = {"coupons": KINDS, "strict": True}
        async with card_shop(paywall={"resources": SOLD}, coupons=coupons) as shop:
            answer = await check_out(shop, [{"resource": "poster"}], couponCode="HALF")
            assert answer.body["error"]["code"] == "coupon_not_applicable"


@pytest.mark.asyncio
class TestPaid:
    async def test_the_cart_is_paid_by_its_session(self, shop: CardShop) -> None:
        """The seller hears every line; who paid is not shown to others."""
        said = await check_out(shop, couponCode="ONCE")
        await shop.told(shop.cards.pay("cs_1"))
        payment = await shop.payment("cs_1")
        assert payment is not None
        assert payment.state is State.SETTLED
        (fact,) = await shop.facts("payment.succeeded")
        assert fact.body["resource"] == said.body["cartId"]
        assert fact.body["method"] == "stripe"
        assert fact.body["fiatAmountCents"] == 1_650
        metadata: Any = fact.body["metadata"]
        assert metadata["item_1_resource"] == "plate"
        cart = (await shown(shop, said.body["cartId"])).body
        assert (cart["status"], cart["paidBy"]) == ("paid", None)
        assert await shop.redeemed("ONCE") == 1

    async def test_a_repeat_of_the_news_changes_nothing(self, shop: CardShop) -> None:
        """One payment, one fact."""
        await check_out(shop)
        for _ in range(3):
            await shop.told(shop.cards.pay("cs_1"))
        assert len(await shop.facts("payment.succeeded")) == 1

    async def test_another_amount_buys_nothing(self, shop: CardShop) -> None:
        """The money is kept to be given back, and the cart stays open."""
        said = await check_out(shop)
        await shop.told(shop.cards.pay("cs_1", amount=Money(1, USD)))
        assert len(await shop.facts("payment.unapplied")) == 1
        assert (await shown(shop, said.body["cartId"])).body["status"] == "pending"

    async def test_a_coupon_is_held_while_the_session_is_open(self, shop: CardShop) -> None:
        """The second cart does not have it, until the first is given up."""
        await check_out(shop, couponCode="ONCE")
        second = await check_out(shop, couponCode="ONCE")
        assert second.status == 200
        assert shop.cards.orders[1].discount is None
        await shop.told(await shop.cards.expire("cs_1"))
        await check_out(shop, couponCode="ONCE")
        assert shop.cards.orders[2].discount == Money(1_650, USD)

    async def test_the_same_key_is_one_cart(self, shop: CardShop) -> None:
        """A repeat by Idempotency-Key is answered as the first was."""
        answers = [
            await ask(
                shop.client,
                CHECKOUT,
                "POST",
                json={"items": TWO},
                headers={"Idempotency-Key": "one"},
            )
            for _ in range(2)
        ]
        assert answers[0].body == answers[1].body
        assert len(shop.cards.orders) == 1


@pytest.mark.asyncio
class TestBounds:
    async def test_carts_of_one_address_are_counted_whatever_they_are_for(
        self, shop: CardShop
    ) -> None:
        """The one too many has no session either."""
        shop.gateway.services.carting.most_unpaid = 2
        answers = [await check_out(shop) for _ in range(3)]
        assert [each.status for each in answers] == [200, 200, 429]
        assert answers[2].body["error"]["code"] == "rate_limit_exceeded"
        assert len(shop.cards.orders) == 2

    async def test_a_paid_cart_counts_no_more(self, shop: CardShop) -> None:
        """Nor does one whose time is over."""
        shop.gateway.services.carting.most_unpaid = 1
        await check_out(shop)
        await shop.told(shop.cards.pay("cs_1"))
        assert (await check_out(shop)).status == 200


@pytest.mark.asyncio
class TestAgain:
    async def test_an_open_checkout_is_given_again(self, shop: CardShop) -> None:
        """By the cart's id: one session at a time."""
        cart = (await check_out(shop)).body["cartId"]
        again = await ask(shop.client, CHECKOUT, "POST", json={"cartId": cart})
        assert again.body["sessionId"] == "cs_1"
        assert len(shop.cards.orders) == 1

    async def test_one_that_was_given_up_is_opened_anew(self, shop: CardShop) -> None:
        """At the same price, for as long as the cart lives."""
        cart = (await check_out(shop)).body["cartId"]
        await shop.told(await shop.cards.expire("cs_1"))
        again = await ask(shop.client, CHECKOUT, "POST", json={"cartId": f"cart:{cart}"})
        assert again.body["sessionId"] == "cs_2"
        assert (await shop.checkout("cs_2")).amount == TOTAL

    async def test_a_paid_cart_has_no_checkout(self, shop: CardShop) -> None:
        """`cart_already_paid`; an unknown one is not found."""
        cart = (await check_out(shop)).body["cartId"]
        await shop.told(shop.cards.pay("cs_1"))
        paid = await ask(shop.client, CHECKOUT, "POST", json={"cartId": cart})
        unknown = await ask(shop.client, CHECKOUT, "POST", json={"cartId": "cart_" + "0" * 32})
        assert (paid.status, paid.body["error"]["code"]) == (400, "cart_already_paid")
        assert (unknown.status, unknown.body["error"]["code"]) == (404, "cart_not_found")

    async def test_a_checkout_that_nobody_knows_of_is_not_opened_twice(
        self, shop: CardShop
    ) -> None:
        """Its answer was lost: it is looked for first, and meanwhile asked to wait."""
        shop.cards.lost, shop.cards.trouble = True, Unsettled(Code.STRIPE_ERROR)
        first = await check_out(shop)
        shop.cards.trouble = None
        assert first.status == 502
        (order,) = shop.cards.orders
        cart = order.checkout.purchase.resource
        again = await ask(shop.client, CHECKOUT, "POST", json={"cartId": cart})
        assert (again.status, again.body["error"]["code"]) == (502, "stripe_error")
        assert len(shop.cards.orders) == 1


@pytest.mark.asyncio
class TestLate:
    async def test_price_and_reservations_live_until_the_session_is_over(
        self, shop: CardShop
    ) -> None:
        """However late it is paid, and even when the cart itself was cleaned up."""
        said = await check_out(shop, couponCode="ONCE")
        store = shop.gateway.store
        async with store.begin() as unit:
            checkout = await shop.checkout("cs_1")
            far = checkout.created_at.replace(year=checkout.created_at.year + 1)
            assert await unit.carts.purge(far, 100) == 1
        assert (await shown(shop, said.body["cartId"])).status == 404
        assert await shop.redeemed("ONCE") == 1

        await shop.told(shop.cards.pay("cs_1"))

        assert len(await shop.facts("payment.succeeded")) == 1
        assert (await shop.checkout("cs_1")).state is CheckoutState.PAID
        async with store.view() as view:
            assert await view.tallies.totals(DEFAULT, [f"cart:{said.body['cartId']}"]) == {
                f"cart:{said.body['cartId']}": 1
            }

    async def test_what_ends_unpaid_gives_everything_back(self, shop: CardShop) -> None:
        """Expired, or failed days later."""
        for kind in ("session", "failed"):
            said = await check_out(shop, couponCode="ONCE")
            session = said.body["sessionId"]
            over = await shop.cards.expire(session)
            assert over.status is SessionStatus.EXPIRED
            await shop.told(over, kind)
            assert await shop.redeemed("ONCE") == 0

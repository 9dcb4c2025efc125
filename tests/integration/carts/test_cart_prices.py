"""What a cart is shown to cost, is quoted at, and is charged are one number, by either rail."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

import pytest

from support.either_rail import EitherRail, either_rail
from support.waiting import until
from tillway.core.contracts.counts import count
from tillway.core.payments import State
from tillway.core.services.carts.baskets import MOST_LINES

SAMPLE = count(15, 500)

CARD: Final = {"plate": 175, "cup": 99, "bowl": 333}
TOKEN: Final = {"plate": 1_999_999, "cup": 1_010_101, "bowl": 3_141_592}
RESOURCES: Final = {
    name: {
        "fiat_amount_cents": CARD[name],
        "crypto_atomic_amount": TOKEN[name],
        "crypto_token": "USDC",
        "description": name,
    }
    for name in CARD
}
_ALL: Mapping[str, Any] = {"active": True, "scope": "all"}
_PERCENT: Mapping[str, Any] = {**_ALL, "discount_type": "percentage"}
COUPONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "CUPS": {
        **_PERCENT,
        "discount_value": 33.33,
        "scope": "specific",
        "product_ids": ["cup"],
        "auto_apply": True,
        "applies_at": "catalog",
    },
    "WEEK": {**_PERCENT, "discount_value": 7.5, "auto_apply": True, "applies_at": "checkout"},
    "LESS": {**_ALL, "discount_type": "fixed", "discount_value": 0.37},
    "ZEST": {**_PERCENT, "discount_value": 18.4},
    "ONCE": {**_PERCENT, "discount_value": 10, "usage_limit": 1},
}
SECTIONS: Final[dict[str, Any]] = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {
        "coupons": {name: {"code": name, **each} for name, each in COUPONS.items()},
        "coupon_source": "yaml",
    },
}

Basket = Sequence[tuple[str, int]]


@pytest.fixture
async def shop() -> AsyncIterator[EitherRail]:
    async with either_rail(**SECTIONS) as made:
        yield made


def less(price: int, percent: str) -> int:
    """Take a percentage off and round half up."""
    return floor(price * (100 - Fraction(percent)) / 100 + Fraction(1, 2))


def plainly(prices: Mapping[str, int], unit: int, basket: Basket, typed: str | None) -> int:
    """Price a basket a second time, on exact fractions; ``unit`` is a dollar in minor units."""
    total = sum(
        (less(prices[name], "33.33") if name == "cup" else prices[name]) * count
        for name, count in basket
    )
    total = less(total, "7.5")  # WEEK comes before ZEST
    if typed == "ZEST":
        total = less(total, "18.4")
    if typed == "LESS":
        total = max(0, total - unit * 37 // 100)
    cent = unit // 100
    return ceil(Fraction(total, cent)) * cent


def baskets() -> Sequence[tuple[Basket, str | None]]:
    chance = random.Random(17)
    return [
        (
            [(chance.choice(list(CARD)), chance.randint(1, 30)) for _ in range(lines)],
            chance.choice([None, "LESS", "ZEST", "UNKNOWN"]),
        )
        for lines in (chance.randint(1, 8) for _ in range(SAMPLE))
    ]


def items(basket: Basket) -> list[dict[str, Any]]:
    return [{"resource": name, "quantity": count} for name, count in basket]


class TestSample:
    async def test_stripe_charges_what_we_say(self, shop: EitherRail) -> None:
        """A session's lines less its discount, to the cent, for every basket."""
        for basket, typed in baskets():
            opened = await shop.shop.post(
                "/paywall/v1/cart/checkout", {"items": items(basket), "couponCode": typed}
            )
            assert opened.status == 200, opened.body
            charged = shop.at_stripe(opened)
            wanted = plainly(CARD, 100, basket, typed)
            assert charged["amount_total"] == wanted, (basket, typed)
            assert await shop.press(opened) == 303
        await shop.stripe.delivered()
        await until(lambda: _all_paid(shop))
        paid = sorted(each.amount.minor for each in await shop.payments(State.SETTLED))
        assert paid == sorted(plainly(CARD, 100, basket, typed) for basket, typed in baskets())

    async def test_tokens_are_asked_for_as_shown(self, shop: EitherRail) -> None:
        """Total, requirement and the cart's own page agree, and are what the plain sum says."""
        for basket, typed in baskets():
            cart = await shop.shop.post(
                "/paywall/v1/cart/quote", {"items": items(basket), "couponCode": typed}
            )
            wanted = plainly(TOKEN, 1_000_000, basket, typed)
            shown = await shop.shop.get(f"/paywall/v1/cart/{cart.body['cartId']}")
            assert cart.body["quote"]["maxAmountRequired"] == str(wanted)
            assert round(cart.body["totalAmount"] * 1_000_000) == wanted
            assert shown.body["totalAmount"] == cart.body["totalAmount"]

    async def test_carts_of_250_lines(self, shop: EitherRail) -> None:
        """What is beyond Stripe's limits of lines and names is added up, and paid to the cent."""
        chance = random.Random(5)
        basket = [(chance.choice(list(CARD)), chance.randint(1, 9)) for _ in range(MOST_LINES)]
        body = {"items": items(basket), "couponCode": "ZEST", "metadata": {"order": "17"}}
        opened = await shop.shop.post("/paywall/v1/cart/checkout", body)
        cart = await shop.shop.post("/paywall/v1/cart/quote", body)
        at_stripe = shop.at_stripe(opened)

        rich = shop.shop.buyer(usdc=10**11, sol=1)
        paid = await shop.show(cart, shop.signed(cart, rich))
        assert await shop.press(opened) == 303
        await shop.stripe.delivered()

        assert at_stripe["amount_total"] == plainly(CARD, 100, basket, "ZEST")
        assert len(at_stripe["metadata"]) == 50
        assert at_stripe["metadata"]["cart_items"] == str(MOST_LINES)
        assert at_stripe["metadata"]["resource_id"] == opened.body["cartId"]
        assert paid.status == 200, paid.body
        assert shop.shop.balance() == plainly(TOKEN, 1_000_000, basket, "ZEST")
        for event in await shop.shop.events():
            told: Any = event.body["metadata"]
            assert told["order"] == "17"
            assert sum(name.endswith("_resource") for name in told) == MOST_LINES

    async def test_lists_show_what_carts_charge(self, shop: EitherRail) -> None:
        """A piece alone costs in a cart what the list says of it, by both rails."""
        listed = (await shop.shop.get("/paywall/v1/products")).body["products"]
        for product in listed:
            line = [{"resource": product["id"], "quantity": 1}]
            cart = await shop.shop.post("/paywall/v1/cart/quote", {"items": line})
            opened = await shop.shop.post("/paywall/v1/cart/checkout", {"items": line})
            single = await shop.shop.post("/paywall/v1/quote", {"resource": product["id"]})
            assert cart.body["totalAmount"] == product["effectiveCryptoAmount"]
            asked = single.body["accepts"][0]["maxAmountRequired"]
            assert asked == cart.body["quote"]["maxAmountRequired"]
            charged = shop.at_stripe(opened)["amount_total"] / 100
            assert charged == product["effectiveFiatAmount"]


class TestRedemption:
    async def test_it_is_the_claims_and_not_the_quotes(self, shop: EitherRail) -> None:
        """Both buyers were promised the coupon; who pays second is refused before he sends."""
        carts = [
            await shop.shop.post(
                "/paywall/v1/cart/quote",
                {"items": [{"resource": "plate"}], "couponCode": "ONCE"},
            )
            for _ in range(2)
        ]
        assert not await shop.taken("coupon:ONCE")

        first, second = [await shop.pay_by_token(cart) for cart in carts]

        assert first.status == 200, first.body
        assert (second.status, second.code) == (409, "coupon_usage_limit_reached")
        assert await shop.taken("coupon:ONCE") == {"coupon:ONCE": 1}
        assert not await shop.taken(f"cart:{carts[1].body['cartId']}")
        (event,) = [each for each in await shop.shop.events() if each.type == "payment.succeeded"]
        assert event.body["coupons"] == ["ONCE", "WEEK"]

    async def test_an_open_session_is_a_claim_too(self, shop: EitherRail) -> None:
        """Of two carts that were promised the last one, whoever goes to pay first has it."""
        line = {"items": [{"resource": "plate"}], "couponCode": "ONCE"}
        carts = [await shop.shop.post("/paywall/v1/cart/quote", line) for _ in range(3)]

        opened = [await shop.session(cart) for cart in carts[:2]]
        token = await shop.pay_by_token(carts[2])

        assert [each.status for each in opened] == [200, 409]
        assert opened[1].code == token.code == "coupon_usage_limit_reached"
        assert await shop.taken("coupon:ONCE") == {"coupon:ONCE": 1}

    async def test_a_later_cart_is_priced_without_it(self, shop: EitherRail) -> None:
        """Used up is used up, by either rail."""
        line = [{"resource": "plate", "quantity": 1}]
        opened = await shop.shop.post(
            "/paywall/v1/cart/checkout", {"items": line, "couponCode": "ONCE"}
        )
        assert opened.status == 200
        cart = await shop.shop.post("/paywall/v1/cart/quote", {"items": line, "couponCode": "ONCE"})
        wanted = plainly(TOKEN, 1_000_000, [("plate", 1)], None)
        assert cart.body["quote"]["maxAmountRequired"] == str(wanted)


async def _all_paid(shop: EitherRail) -> bool:
    return len(await shop.payments(State.SETTLED)) == SAMPLE

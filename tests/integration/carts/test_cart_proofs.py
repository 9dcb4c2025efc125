"""What a payment of a cart was made for is all that it buys, whatever the catalogue becomes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from support.either_rail import PRICE, RESOURCES, EitherRail, either_rail
from support.shop import Answer, v0_header, v1_header, v2_header
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.services.catalogue.catalogues import FixedCatalogue, JoinedCatalogue
from tillway.core.services.subjects import Products
from tillway.core.tenancy import DEFAULT

SAME = {
    "crypto_atomic_amount": PRICE,
    "crypto_token": "USDC",
    "fiat_amount_cents": 90,
    "description": "It costs what the cart costs",
}


@pytest.fixture
async def shop() -> AsyncIterator[EitherRail]:
    resources = {**RESOURCES, "same": SAME}
    async with either_rail(paywall={"resources": resources, "product_source": "yaml"}) as made:
        yield made


async def offered(shop: EitherRail, resource: str) -> Any:
    return (await shop.shop.get(f"/paywall/{resource}")).offer


class TestMoved:
    """A payment is shown for something else of the same price."""

    async def refused(self, shop: EitherRail, answer: Answer) -> None:
        assert answer.status in (400, 402, 404), answer.body
        assert shop.shop.balance() == 0
        assert not await shop.shop.payments()

    @pytest.mark.parametrize("sealed", [True, False], ids=["with its quote", "by its memo"])
    async def test_another_cart(self, shop: EitherRail, sealed: bool) -> None:
        """Of the very same things."""
        mine, other = await shop.cart(), await shop.cart()
        quote = {"quote": mine.body["quote"]["extra"]["quote"]} if sealed else {}
        raw, name = shop.signed(mine), other.body["cartId"]
        header = v0_header(raw, name, resourceType="cart", metadata=quote)
        await self.refused(shop, await shop.shop.post("/paywall/v1/verify", headers=header))

    @pytest.mark.parametrize("version", [1, 2])
    async def test_another_cart_at_its_address(self, shop: EitherRail, version: int) -> None:
        """By the standard versions."""
        mine, other = await shop.cart(), await shop.cart()
        offer = await offered(shop, mine.body["cartId"])
        raw = shop.shop.sign(shop.shop.buyer(), offer)
        header = v1_header(raw) if version == 1 else v2_header(raw, offer)
        path = f"/paywall/{other.body['cartId']}"
        await self.refused(shop, await shop.shop.get(path, header))

    async def test_a_product(self, shop: EitherRail) -> None:
        """And a product's payment is none of a cart."""
        cart = await shop.cart()
        for mine, other in ((cart.body["cartId"], "same"), ("same", cart.body["cartId"])):
            offer = await offered(shop, mine)
            header = v2_header(shop.shop.sign(shop.shop.buyer(), offer), offer)
            await self.refused(shop, await shop.shop.get(f"/paywall/{other}", header))

    async def test_another_at_the_carts_own_address(self, shop: EitherRail) -> None:
        """`cart/{cartId}/verify` of one with the payment of the other."""
        mine, other = await shop.cart(), await shop.cart()
        header = v0_header(shop.signed(mine), mine.body["cartId"], resourceType="cart")
        path = f"/paywall/v1/cart/{other.body['cartId']}/verify"
        answer = await shop.shop.post(path, headers=header)
        assert answer.code == "invalid_payment_proof"
        await self.refused(shop, answer)

    async def test_as_what_it_is_not(self, shop: EitherRail) -> None:
        """A product is no cart, whatever the payment says, and a cart no product."""
        cart = await shop.cart()
        raw = shop.signed(cart)
        for resource, kind, code in (
            ("same", "cart", "cart_not_found"),
            (cart.body["cartId"], "refund", "refund_not_found"),
        ):
            header = v0_header(raw, resource, resourceType=kind)
            answer = await shop.shop.post("/paywall/v1/verify", headers=header)
            assert (answer.status, answer.code) == (404, code)
            await self.refused(shop, answer)

    @pytest.mark.parametrize("more", [-1, 1])
    async def test_another_amount(self, shop: EitherRail, more: int) -> None:
        """To the unit."""
        cart = await shop.cart()
        offer = await offered(shop, cart.body["cartId"])
        raw = shop.shop.sign(shop.shop.buyer(), offer, amount=PRICE + more)
        answer = await shop.shop.get(f"/paywall/{cart.body['cartId']}", v2_header(raw, offer))
        await self.refused(shop, answer)


class TestHeldPrice:
    async def test_whatever_becomes_of_the_catalogue(self, shop: EitherRail) -> None:
        """Dearer, or not for sale any more: a cart is sold as it was quoted, by either rail."""
        first, second = await shop.cart(), await shop.cart()
        sell_nothing(shop)

        assert (await shop.shop.get("/paywall/plate")).status == 404
        answer, session = await shop.pay_by_token(first), await shop.session(second)

        assert answer.status == 200, answer.body
        assert shop.shop.balance() == PRICE
        assert shop.at_stripe(session)["amount_total"] == 90

    async def test_an_open_checkout_outlives_its_cart(self, shop: EitherRail) -> None:
        """Whoever pays late, but within his session, has what he paid for."""
        cart = await shop.cart()
        session = await shop.session(cart)
        shop.shop.clock.forward(timedelta(minutes=16))
        late = await shop.shop.get(f"/paywall/{cart.body['cartId']}")
        assert late.code == "quote_expired"

        assert await shop.press(session) == 303
        await shop.stripe.delivered()

        assert await shop.is_paid(cart)


class TestCounted:
    async def test_carts_are_counted_as_the_contract_does(self, shop: EitherRail) -> None:
        """By what became of them, and their lines; no cart's id is a label."""
        cart, by_card = await shop.cart(), await shop.cart()
        await shop.pay_by_token(cart)
        session = await shop.session(by_card)
        await shop.press(session)
        await shop.stripe.delivered()
        shop.stripe.faults.add("http_500", times=None)
        assert (await shop.session(await shop.cart())).status == 502

        text = (await shop.shop.get("/metrics")).body
        counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if "cedros_cart" in line)
        told = {
            status: counts[f'cedros_cart_checkouts_total{{status="{status}"}}'] for status in SEEN
        }
        assert told == {
            "quote": "3.0",
            "session_created": "1.0",
            "session_creation_failed": "1.0",
            "success": "2.0",
        }
        assert counts["cedros_cart_items_total"] == "12.0"
        assert "cart_" not in text.replace("cedros_cart_", "")


SEEN = ("quote", "session_created", "session_creation_failed", "success")


class TestRepeats:
    async def test_a_key_names_one_cart(self, shop: EitherRail) -> None:
        """As the SDK sends it again after a broken connection."""
        body = {"items": [{"resource": "plate"}]}
        answers = [
            await shop.shop.post("/paywall/v1/cart/quote", body, {"Idempotency-Key": "one"})
            for _ in range(2)
        ]
        assert [each.status for each in answers] == [402, 402]
        assert answers[0].body == answers[1].body


def sell_nothing(shop: EitherRail) -> None:
    """Have another catalogue, as a gateway with other settings would."""
    quoting = shop.shop.gateway.services.quote
    assert isinstance(quoting.catalogue, JoinedCatalogue)
    empty = evolve(quoting.catalogue, of_products=FixedCatalogue((), ()))
    quoting.catalogue = empty
    plate = Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource="plate")
    products = quoting.subjects.of(plate)
    assert isinstance(products, Products)
    products.catalogue = empty

"""Carts over HTTP: quoted, shown, and paid with tokens by every dialect, on every store."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from support.chain import Wallet
from support.shop import ARTICLE, COURSE, Answer, Shop, open_shop, v0_header, v1_header, v2_header
from tillway.core.ids import CART_ID

QUOTE = "/paywall/v1/cart/quote"
VERIFY = "/paywall/v1/verify"
TWO: Sequence[Mapping[str, Any]] = (
    {"resource": "article", "quantity": 2},
    {"resource": "course", "quantity": 1},
)
TOTAL = 2 * ARTICLE + COURSE


async def quoted(shop: Shop, items: object = TWO, **more: Any) -> Answer:
    answer = await shop.post(QUOTE, {"items": items, **more})
    assert answer.status == 402, answer.body
    return answer


def header(cart: Answer, raw: bytes, **more: Any) -> dict[str, str]:
    """Write what the React SDK sends: the bare id, and that it is a cart."""
    return v0_header(raw, cart.body["cartId"], resourceType="cart", **more)


@pytest.fixture
async def quick() -> AsyncIterator[Shop]:
    """Give a shop in memory."""
    async with open_shop() as made:
        yield made


class TestQuote:
    async def test_it_is_the_contracts(self, quick: Shop) -> None:
        """Every field, in the contract's words."""
        answer = await quoted(quick, metadata={"order": "17"}, couponCode="HALF")

        body = dict(answer.body)
        quote, cart = body.pop("quote"), body.pop("cartId")
        assert CART_ID.fullmatch(cart)
        assert body.pop("expiresAt").endswith("Z")
        assert body == {
            "items": [
                {
                    "resource": "article",
                    "quantity": 2,
                    "priceAmount": 0.05,
                    "originalPrice": 0.05,
                    "token": "USDC",
                    "description": "Text",
                },
                {
                    "resource": "course",
                    "quantity": 1,
                    "priceAmount": 0.9,
                    "originalPrice": 0.9,
                    "token": "USDC",
                    "description": "Dear",
                },
            ],
            "totalAmount": 0.5,
            "token": "USDC",
            "metadata": {
                "order": "17",
                "coupon_codes": "HALF",
                "subtotal_after_catalog": "1.000000",
                "discounted_amount": "0.500000",
                "checkout_coupons": "HALF",
            },
        }
        assert quote["resource"] == f"cart:{cart}"
        assert quote["maxAmountRequired"] == "500000"
        assert quote["description"] == "Cart purchase (0.500000 USDC)"
        assert quote["extra"]["memo"].startswith(f"cedros:cart:{cart}:")
        assert "applied_coupons" not in quote["extra"]
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_metadata_is_left_out_where_there_is_none(self, quick: Shop) -> None:
        """No coupon, nothing noted."""
        assert "metadata" not in (await quoted(quick)).body

    @pytest.mark.parametrize("name", ["coupon", "couponCode"])
    async def test_the_sdks_names_are_read(self, quick: Shop, name: str) -> None:
        """Both of the coupon, and a variant, which comes back."""
        items = [{"resource": "article", "quantity": 1, "variantId": "blue"}]
        body = (await quoted(quick, items, **{name: "HALF"})).body
        assert body["totalAmount"] == 0.03
        assert body["items"][0]["variantId"] == "blue"

    async def test_no_quantity_is_one(self, quick: Shop) -> None:
        """None, zero, or less than that."""
        items = [
            {"resource": "article", **more} for more in ({}, {"quantity": 0}, {"quantity": -9})
        ]
        body = (await quoted(quick, items)).body
        assert [item["quantity"] for item in body["items"]] == [1, 1, 1]
        assert body["totalAmount"] == 0.15

    async def test_nothing_to_pay_is_no_quote(self, quick: Shop) -> None:
        """The cart is granted where it is asked for, once, and its coupon is used."""
        made = await quick.post(QUOTE, {"items": TWO, "coupon": "FREE"})
        first = await quick.get(f"/paywall/{made.body['cartId']}")
        again = await quick.get(f"/paywall/{made.body['cartId']}")

        assert made.status == 200
        assert made.body["totalAmount"] == 0
        assert "quote" not in made.body
        assert (first.status, first.body["cartId"]) == (200, made.body["cartId"])
        assert (again.status, again.code) == (400, "cart_already_paid")
        async with quick.gateway.store.view() as view:
            assert await view.tallies.totals(quick.tenant, ["coupon:FREE"]) == {"coupon:FREE": 1}


class TestPaying:
    async def test_as_the_react_sdk_does(self, shop: Shop) -> None:
        """The bare id with resourceType cart; the cart is paid and says by whom."""
        cart, buyer = await quoted(shop), shop.buyer(sol=1)
        raw = shop.sign_old(buyer, cart.body["quote"])

        answer = await shop.post(VERIFY, headers=header(cart, raw))

        number = cart.body["cartId"]
        assert answer.status == 200, answer.body
        assert answer.body == {
            "success": True,
            "message": f"Payment verified for cart {number}",
            "method": "x402-cart",
            "cartId": number,
            "wallet": str(buyer.address),
            "signature": answer.receipt["txHash"],
        }
        shown = (await shop.get(f"/paywall/v1/cart/{number}")).body
        assert shown["status"] == "paid"
        assert shown["paidBy"] == str(buyer.address)
        assert shop.balance() == TOTAL

    async def test_the_address_of_the_offer_is_taken_too(self, shop: Shop) -> None:
        """`cart:<id>`, as the requirement names it."""
        cart = await quoted(shop)
        raw = shop.sign_old(shop.buyer(sol=1), cart.body["quote"])
        named = v0_header(raw, cart.body["quote"]["resource"])
        assert (await shop.post(VERIFY, headers=named)).status == 200

    @pytest.mark.parametrize("lead", ["", "cart:"])
    async def test_by_version_2(self, shop: Shop, lead: str) -> None:
        """The cart is a resource, under either name."""
        cart = await quoted(shop)
        path = f"/paywall/{lead}{cart.body['cartId']}"
        offer = (await shop.get(path)).offer

        answer = await shop.get(path, v2_header(shop.sign(shop.buyer(), offer), offer))

        assert answer.status == 200, answer.body
        assert answer.body["cartId"] == cart.body["cartId"]
        assert len(offer["extra"]["memo"]) == 24
        assert shop.balance() == TOTAL

    async def test_by_version_1(self, shop: Shop) -> None:
        """The bare authenticator vouches for the cart's price."""
        cart = await quoted(shop, couponCode="ONCE")
        path = f"/paywall/{cart.body['cartId']}"
        offer = (await shop.get(path)).offer

        answer = await shop.get(path, v1_header(shop.sign(shop.buyer(), offer)))

        assert answer.status == 200, answer.body
        assert shop.balance() == TOTAL // 2

    async def test_gasless(self, shop: Shop) -> None:
        """The gateway builds it, a coupon changes nothing, and the buyer only signs."""
        cart, buyer = await quoted(shop), shop.buyer()
        built = await shop.post(
            "/paywall/v1/gasless-transaction",
            {
                "resourceId": cart.body["cartId"],
                "userWallet": str(buyer.address),
                "couponCode": "HALF",
            },
        )
        raw = signed(buyer, built.body["transaction"])

        answer = await shop.post(
            VERIFY, headers=header(cart, raw, feePayer=str(shop.sponsor.address))
        )

        assert answer.status == 200, answer.body
        assert shop.balance() == TOTAL

    async def test_at_the_carts_own_address(self, shop: Shop) -> None:
        """`POST cart/{cartId}/verify` answers as the Rust server does."""
        cart, buyer = await quoted(shop), shop.buyer(sol=1)
        raw = shop.sign_old(buyer, cart.body["quote"])
        path = f"/paywall/v1/cart/{cart.body['cartId']}/verify"

        answer = await shop.post(path, headers=header(cart, raw))

        assert answer.body == {
            "verified": True,
            "cartId": cart.body["cartId"],
            "txHash": answer.receipt["txHash"],
            "wallet": str(buyer.address),
        }

    async def test_the_seller_hears_every_line(self, shop: Shop) -> None:
        """The contract's metadata; what the buyer noted never takes a name of ours."""
        theirs = {
            "item_0_resource": "course",
            "coupon_codes": "X",
            "cart_items": "9",
            "gift": "yes",
        }
        cart = await quoted(
            shop,
            [
                {"resource": "article", "quantity": 2, "metadata": {"resource": "x", "size": "M"}},
                {"resource": "course", "metadata": {"quantity": "100"}},
            ],
            metadata=theirs,
        )
        raw = shop.sign_old(shop.buyer(sol=1), cart.body["quote"])
        planted = {"item_7_resource": "gold", "coupon_codes": "Y", "total_quantity": "9", "a": "b"}
        answer = await shop.post(VERIFY, headers=header(cart, raw, metadata=planted))

        assert answer.status == 200, answer.body
        (event,) = await shop.events()
        assert event.body["resource"] == cart.body["cartId"]
        assert event.body["method"] == "x402-cart"
        assert event.body["metadata"] == {
            "a": "b",
            "gift": "yes",
            "cart_items": "2",
            "total_quantity": "3",
            "item_0_resource": "article",
            "item_0_quantity": "2",
            "item_0_price_amount": "0.050000",
            "item_0_token": "USDC",
            "item_0_size": "M",
            "item_1_resource": "course",
            "item_1_quantity": "1",
            "item_1_price_amount": "0.900000",
            "item_1_token": "USDC",
        }


def signed(buyer: Wallet, transaction: str) -> bytes:
    raw = base64.b64decode(transaction)
    unsigned = VersionedTransaction.from_bytes(raw)
    message = unsigned.message
    keys = list(message.account_keys)
    signatures = list(unsigned.signatures)
    place = keys.index(buyer.address)
    signatures[place] = buyer.keypair.sign_message(to_bytes_versioned(message))
    return bytes(VersionedTransaction.populate(message, signatures))


class TestOnce:
    async def test_a_second_payment_is_refused_before_it_is_sent(self, shop: Shop) -> None:
        """Nothing moves."""
        cart = await quoted(shop)
        for buyer, code in ((shop.buyer(sol=1), None), (shop.buyer(sol=1), "cart_already_paid")):
            raw = shop.sign_old(buyer, cart.body["quote"])
            answer = await shop.post(VERIFY, headers=header(cart, raw))
            assert answer.code == code, answer.body
        assert shop.balance() == TOTAL

    async def test_of_sixteen_payments_at_once_one_is_taken(self, still_shop: Shop) -> None:
        """The others are refused, and nothing of theirs has moved."""
        cart, shop = await quoted(still_shop), still_shop
        raws = [shop.sign_old(shop.buyer(sol=1), cart.body["quote"]) for _ in range(16)]

        answers = await asyncio.gather(
            *(shop.post(VERIFY, headers=header(cart, raw)) for raw in raws)
        )

        assert sorted(each.status for each in answers) == [200] + [400] * 15
        assert {each.code for each in answers if each.status != 200} == {"cart_already_paid"}
        assert shop.balance() == TOTAL

    async def test_a_repeat_gives_the_same_grant(self, shop: Shop) -> None:
        """With the sealed quote, free."""
        cart = await quoted(shop)
        path = f"/paywall/{cart.body['cartId']}"
        offer = (await shop.get(path)).offer
        paid = v2_header(shop.sign(shop.buyer(), offer), offer)
        first, again = await shop.get(path, paid), await shop.get(path, paid)
        assert (again.status, again.body) == (200, first.body)
        assert shop.balance() == TOTAL


class TestPriceHolds:
    async def test_as_long_as_the_cart_lives(self) -> None:
        """For longer than a product's quote: what an offer says is the cart's own price."""
        async with open_shop(paywall={"quote_ttl": "1m"}) as shop:
            cart = await quoted(shop)
            shop.clock.forward(timedelta(minutes=14))
            path = f"/paywall/{cart.body['cartId']}"
            offer = (await shop.get(path)).offer
            answer = await shop.get(path, v2_header(shop.sign(shop.buyer(), offer), offer))
            assert answer.status == 200, answer.body
            assert shop.balance() == TOTAL

    async def test_its_first_quote_is_good_as_long(self) -> None:
        """What `cart/quote` told is what can be paid until the time that it told."""
        async with open_shop(paywall={"quote_ttl": "1m"}) as shop:
            cart = await quoted(shop)
            assert cart.body["quote"]["maxTimeoutSeconds"] in (899, 900)
            shop.clock.forward(timedelta(minutes=14))
            raw = shop.sign_old(shop.buyer(sol=1), cart.body["quote"])
            answer = await shop.post(VERIFY, headers=header(cart, raw))
            assert answer.status == 200, answer.body

    async def test_and_no_longer(self, shop: Shop) -> None:
        """After storage.cart_quote_ttl every way to pay it says so."""
        cart = await quoted(shop)
        number = cart.body["cartId"]
        shop.clock.forward(timedelta(minutes=15, seconds=1))
        raw = shop.sign_old(shop.buyer(sol=1), cart.body["quote"])

        proof = await shop.post(VERIFY, headers=header(cart, raw))
        offer = await shop.get(f"/paywall/{number}")
        built = await shop.post(
            "/paywall/v1/gasless-transaction",
            {"resourceId": number, "userWallet": str(shop.buyer().address)},
        )

        for answer in (proof, offer, built):
            assert (answer.status, answer.code) == (402, "quote_expired")
            assert answer.body["error"]["message"] == (
                "cart quote expired, please request a new quote"
            )
        assert shop.balance() == 0

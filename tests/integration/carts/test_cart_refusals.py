"""Everything that the routes of carts refuse: by code, status, message and field."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.shop import RESOURCES, Answer, Shop, open_shop
from tillway.core.services.carts.baskets import MOST_LINES, MOST_NOTED, MOST_PIECES
from tillway.core.services.wishes import LONGEST_KEY, LONGEST_VALUE, MOST

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUOTE = "/paywall/v1/cart/quote"
UNKNOWN = "cart_" + "0" * 32
SOLD = {
    **RESOURCES,
    "other-token": {"crypto_atomic_amount": 10, "crypto_token": "USDT"},
    "precious": {"crypto_atomic_amount": 2**62, "crypto_token": "USDC"},
}
ARTICLE = {"resource": "article", "quantity": 1}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop(paywall={"resources": SOLD}) as made:
        yield made


def said(answer: Answer) -> tuple[int, str | None, str]:
    return answer.status, answer.code, answer.body["error"]["message"]


class TestLines:
    @pytest.mark.parametrize("body", [{}, {"items": []}, {"items": None}])
    async def test_none(self, shop: Shop, body: dict[str, Any]) -> None:
        """`empty_cart`, in the contract's words."""
        assert said(await shop.post(QUOTE, body)) == (
            400,
            "empty_cart",
            "at least one item required",
        )

    @pytest.mark.parametrize("line", [{}, {"resource": ""}, {"resource": None}])
    async def test_without_resource(self, shop: Shop, line: dict[str, Any]) -> None:
        """`invalid_cart_item` names the line."""
        answer = await shop.post(QUOTE, {"items": [ARTICLE, line]})
        assert said(answer) == (400, "invalid_cart_item", "item 1 missing resource id")
        assert answer.body["error"]["details"] == {"item": 1}

    async def test_of_what_is_not_sold(self, shop: Shop) -> None:
        """`resource_not_found`, with the line and the id."""
        answer = await shop.post(QUOTE, {"items": [ARTICLE, {"resource": "nothing"}]})
        assert said(answer) == (404, "resource_not_found", "resource not found: nothing")
        assert answer.body["error"]["details"] == {"item": 1, "resourceId": "nothing"}

    @pytest.mark.parametrize("name", ["cart_" + "0" * 32, "a\0b", " a", "v1", "x/y"])
    async def test_of_what_can_be_no_resource(self, shop: Shop, name: str) -> None:
        """`invalid_cart_item`, and nothing is looked up."""
        answer = await shop.post(QUOTE, {"items": [{"resource": name}]})
        assert (answer.status, answer.code) == (400, "invalid_cart_item")

    async def test_without_price(self, shop: Shop) -> None:
        """What is sold by card only."""
        answer = await shop.post(QUOTE, {"items": [ARTICLE, {"resource": "mug"}]})
        text = "item 1 has no price for this way to pay"
        assert said(answer) == (400, "invalid_cart_item", text)
        assert answer.body["error"]["details"] == {"item": 1, "resourceId": "mug"}

    async def test_of_two_tokens(self, shop: Shop) -> None:
        """The one that does not fit is named."""
        answer = await shop.post(QUOTE, {"items": [ARTICLE, {"resource": "other-token"}]})
        assert (answer.status, answer.code) == (400, "invalid_cart_item")
        assert answer.body["error"]["details"]["item"] == 1

    async def test_beyond_64_bits(self, shop: Shop) -> None:
        """`invalid_amount`, not an overflow."""
        line = {"resource": "precious", "quantity": MOST_PIECES}
        answer = await shop.post(QUOTE, {"items": [line]})
        assert said(answer) == (400, "invalid_amount", "amount is too large")

    @pytest.mark.parametrize(
        "quantity", [1.5, 2.0, "2", True, [1], MOST_PIECES + 1, 2**63, 1e30, -1.5, {"a": 1}]
    )
    async def test_of_a_quantity_that_is_none(self, shop: Shop, quantity: object) -> None:
        """`invalid_field` names it."""
        answer = await shop.post(QUOTE, {"items": [{**ARTICLE, "quantity": quantity}]})
        assert (answer.status, answer.code) == (400, "invalid_field")
        assert answer.body["error"]["details"]["fields"][0]["field"] == "items[0].quantity"

    async def test_too_many(self, shop: Shop) -> None:
        """More than can be sold together, and 10,000 of them."""
        assert (await shop.post(QUOTE, {"items": [ARTICLE] * MOST_LINES})).status == 402
        for count in (MOST_LINES + 1, 10_000):
            answer = await shop.post(QUOTE, {"items": [ARTICLE] * count})
            assert (answer.status, answer.code) == (400, "invalid_field")

    @pytest.mark.parametrize(
        "body",
        [
            {"items": "article"},
            {"items": {"resource": "article"}},
            {"items": ["article"]},
            {"items": [None]},
            {"items": [{**ARTICLE, "price": 1}]},
            {"items": [{**ARTICLE, "variantId": "a\0"}]},
            {"items": [{**ARTICLE, "variantId": "a" * 256}]},
            {"items": [{**ARTICLE, "resource": 7}]},
            {"items": [{**ARTICLE, "resource": "a" * 256}]},
            {"items": [ARTICLE], "couponCode": 7},
            {"items": [ARTICLE], "couponCode": "a" * 256},
            {"items": [ARTICLE], "totalAmount": 1},
        ],
    )
    async def test_of_another_shape(self, shop: Shop, body: object) -> None:
        """`invalid_field`."""
        answer = await shop.post(QUOTE, body)
        assert (answer.status, answer.code) == (400, "invalid_field")


class TestMetadata:
    @pytest.mark.parametrize(
        "metadata",
        [
            {"a": 1},
            {"a": None},
            {"a": ["b"]},
            ["a"],
            "a",
            {"a": "b\0"},
            {"a\0": "b"},
            {"": "b"},
            {"k" * (LONGEST_KEY + 1): "b"},
            {"a": "v" * (LONGEST_VALUE + 1)},
            {f"k{n}": "v" for n in range(MOST + 1)},
        ],
    )
    async def test_that_cannot_be_kept(self, shop: Shop, metadata: object) -> None:
        """`invalid_field`, wherever it stands."""
        for body in (
            {"items": [ARTICLE], "metadata": metadata},
            {"items": [{**ARTICLE, "metadata": metadata}]},
        ):
            answer = await shop.post(QUOTE, body)
            assert (answer.status, answer.code) == (400, "invalid_field"), answer.body

    async def test_that_is_too_much_in_all(self, shop: Shop) -> None:
        """It goes with the payment and with every event."""
        each = {f"k{n}": "v" * LONGEST_VALUE for n in range(10)}
        lines = [{**ARTICLE, "metadata": each}] * (MOST_NOTED // 5_000 + 1)
        answer = await shop.post(QUOTE, {"items": lines})
        assert (answer.status, answer.code) == (400, "invalid_field")


class TestCoupons:
    @pytest.mark.parametrize("code", ["NOTHING", "a,b", "x\0", ""])
    async def test_that_do_not_count_are_ignored(self, shop: Shop, code: str) -> None:
        """As the contract has it."""
        answer = await shop.post(QUOTE, {"items": [ARTICLE], "couponCode": code})
        assert answer.status == 402
        assert answer.body["totalAmount"] == 0.05

    @pytest.mark.parametrize(
        ("code", "status", "said"),
        [
            ("NOTHING", 404, "coupon_not_found"),
            ("x\0", 400, "invalid_coupon"),
            ("OVER", 409, "coupon_expired"),
            ("NONE", 409, "coupon_usage_limit_reached"),
            ("CARD", 409, "coupon_wrong_payment_method"),
            ("BOOK", 409, "coupon_not_applicable"),
        ],
    )
    async def test_are_refused_when_strict(self, code: str, status: int, said: str) -> None:
        """Each by its own code."""
        base = {"discount_type": "percentage", "discount_value": 50, "active": True, "scope": "all"}
        kinds: dict[str, dict[str, Any]] = {
            "OVER": {"expires_at": "2020-01-01T00:00:00Z"},
            "NONE": {"usage_limit": 0},
            "CARD": {"payment_method": "stripe"},
            "BOOK": {"scope": "specific", "product_ids": ["article"]},
        }
        coupons = {name: {"code": name, **base, **kind} for name, kind in kinds.items()}
        async with open_shop(coupons={"strict": True, "coupons": coupons}) as strict:
            answer = await strict.post(QUOTE, {"items": [ARTICLE], "couponCode": code})
        assert (answer.status, answer.code) == (status, said)


class TestUnknownCarts:
    @pytest.mark.parametrize(
        ("name", "code"),
        [
            (UNKNOWN, "cart_not_found"),
            (f"cart:{UNKNOWN}", "cart_not_found"),
            ("cart_1", "route_not_found"),
            ("article", "route_not_found"),
            ("%00", "route_not_found"),
            ("x" * 300, "route_not_found"),
        ],
    )
    async def test_are_not_found(self, shop: Shop, name: str, code: str) -> None:
        """What can be no cart's id is no address."""
        for path in (f"/paywall/v1/cart/{name}", f"/paywall/v1/cart/{name}/inventory-status"):
            answer = await shop.get(path)
            assert (answer.status, answer.code) == (404, code)

    async def test_have_no_offer(self, shop: Shop) -> None:
        """Nor a transaction to sign."""
        offer = await shop.get(f"/paywall/{UNKNOWN}")
        wallet = str(shop.merchant.address)
        built = await shop.post(
            "/paywall/v1/gasless-transaction", {"resourceId": UNKNOWN, "userWallet": wallet}
        )
        assert said(offer) == (404, "cart_not_found", f"cart not found: {UNKNOWN}")
        assert said(built) == (404, "resource_not_found", f"cart not found: {UNKNOWN}")

    async def test_want_a_payment_to_be_verified(self, shop: Shop) -> None:
        """Without one there is nothing to do."""
        answer = await shop.post(f"/paywall/v1/cart/{UNKNOWN}/verify")
        assert said(answer) == (400, "missing_field", "Missing X-PAYMENT header")


class TestUnpaid:
    async def test_of_one_address_there_are_so_many_at_a_time(self) -> None:
        """429 with the time after which it may be tried again; others are served."""
        async with open_shop() as shop:
            shop.gateway.services.carting.most_unpaid = 3
            answers = [await shop.post(QUOTE, {"items": [ARTICLE]}) for _ in range(4)]
            async with shop.visited_from() as other:
                served = await other.post(QUOTE, {"items": [ARTICLE]})

        assert [answer.status for answer in answers] == [402, 402, 402, 429]
        assert answers[-1].code == "rate_limit_exceeded"
        assert answers[-1].headers["Retry-After"] == "900"
        assert served.status == 402


class TestStock:
    async def test_everything_can_be_had_and_nothing_is_held(self, shop: Shop) -> None:
        """Nothing is counted here, and it says so."""
        items = [{"resource": "article", "quantity": 3, "variantId": "blue"}]
        cart = (await shop.post(QUOTE, {"items": items})).body["cartId"]

        answer = await shop.get(f"/paywall/v1/cart/{cart}/inventory-status")

        assert answer.body == {
            "cartId": cart,
            "allAvailable": True,
            "holdsEnabled": False,
            "items": [
                {
                    "resourceId": "article",
                    "variantId": "blue",
                    "inStock": True,
                    "availableQuantity": 3,
                    "reservedByOthers": 0,
                    "canBackorder": False,
                }
            ],
        }

    async def test_a_cart_says_how_it_stands(self, shop: Shop) -> None:
        """Its price, its end, and that nobody has paid."""
        made = (await shop.post(QUOTE, {"items": [ARTICLE]})).body
        answer = await shop.get(f"/paywall/v1/cart/cart:{made['cartId']}")
        assert answer.body == {
            "cartId": made["cartId"],
            "status": "pending",
            "totalAmount": 0.05,
            "token": "USDC",
            "expiresAt": made["expiresAt"],
            "paidBy": None,
        }

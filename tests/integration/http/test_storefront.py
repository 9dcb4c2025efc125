"""What shop fronts read: products by query, prices by every rail, purchases, addresses."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from support.chain import USDC
from support.shop import Shop, open_shop
from tillway.core.services.catalogue.shop import CONFIG
from tillway.core.tenancy import DEFAULT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRODUCTS, PURCHASES = "/paywall/v1/products", "/paywall/v1/purchases"
KEY: Final = "an operator's key of some length"

RESOURCES: Final[dict[str, Any]] = {
    "mug": {
        "description": "For tea",
        "fiat_amount_cents": 1250,
        "metadata": {
            "title": "Blue mug",
            "slug": "blue-mug",
            "tags": "kitchen,blue",
            "category_ids": "home",
            "images": "https://cdn.example/mug.png",
            "featured": "true",
            "compare_at_amount_cents": "1500",
            "inventory_status": "low",
            "inventory_quantity": "2",
        },
    },
    "pot": {
        "description": "For coffee",
        "fiat_amount_cents": 900,
        "metadata": {"title": "Pot", "tags": "kitchen", "inventory_status": "out_of_stock"},
    },
    "song": {
        "description": "To hear",
        "crypto_atomic_amount": 990_000,
        "crypto_token": "USDC",
        "metadata": {"title": "A song", "tags": "blue", "category_ids": "music", "sort_order": "1"},
    },
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop(
        paywall={"resources": RESOURCES},
        coupons={
            "coupons": {
                "TEA": {
                    "code": "TEA",
                    "discount_type": "percentage",
                    "discount_value": 50,
                    "scope": "specific",
                    "product_ids": ["mug"],
                    "auto_apply": True,
                    "applies_at": "catalog",
                    "active": True,
                }
            }
        },
        server={"admin_api_key": KEY},
    ) as made:
        yield made


class TestProducts:
    @pytest.mark.parametrize(
        ("query", "ids", "total"),
        [
            ("", ["mug", "pot", "song"], 3),
            ("limit=1", ["mug"], 3),
            ("limit=500&offset=1", ["pot", "song"], 3),
            ("offset=9", [], 3),
            ("search=BLUE", ["mug", "song"], 2),
            ("search=coffee", ["pot"], 1),
            ("category=music", ["song"], 1),
            ("tags=blue", ["mug", "song"], 2),
            ("tags=none,kitchen", ["mug", "pot"], 2),
            ("ids=song,blue-mug,nothing", ["mug", "song"], 2),
            ("in_stock=true", ["mug", "song"], 2),
            ("min_price=1", ["mug", "pot"], 2),
            ("max_price=6.25", ["mug", "song"], 2),
            ("min_price=7&max_price=10", ["pot"], 1),
            ("sort=price_asc", ["song", "mug", "pot"], 3),
            ("sort=priceDesc&limit=2", ["pot", "mug"], 3),
            ("sort=featured", ["mug", "song", "pot"], 3),
            ("sort=title", ["song", "mug", "pot"], 3),
            ("sort=&search=&limit=", ["mug", "pot", "song"], 3),
        ],
    )
    async def test_a_query_chooses_and_orders(
        self, shop: Shop, query: str, ids: list[str], total: int
    ) -> None:
        """Prices are those after coupons; the total counts all pages."""
        answer = await shop.get(f"{PRODUCTS}?{query}")
        assert answer.status == 200
        assert [each["id"] for each in answer.body["products"]] == ids
        assert (answer.body["total"], answer.body["count"]) == (total, total)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=10001", "limit"),
            ("limit=ten", "limit"),
            ("offset=-1", "offset"),
            ("sort=random", "sort"),
            ("in_stock=maybe", "in_stock"),
            ("min_price=cheap", "min_price"),
            ("max_price=NaN", "max_price"),
            ("max_price=-1", "max_price"),
            (f"search={'a' * 256}", "search"),
            (f"ids={'a' * 2001}", "ids"),
            ("ids=a%20b", "ids"),
            (f"tags={'a' * 256}", "tags"),
        ],
    )
    async def test_what_makes_no_sense_is_named(self, shop: Shop, query: str, field: str) -> None:
        """As an invalid field."""
        answer = await shop.get(f"{PRODUCTS}?{query}")
        assert (answer.status, answer.code) == (400, "invalid_field")
        assert field in answer.body["error"]["message"]

    @pytest.mark.parametrize("path", ["by-slug/blue-mug", "mug"])
    async def test_one_is_found_by_slug_and_by_id(self, shop: Shop, path: str) -> None:
        """With the fields of both servers."""
        answer = await shop.get(f"{PRODUCTS}/{path}")
        assert answer.status == 200
        assert answer.body == {
            "id": "mug",
            "title": "Blue mug",
            "slug": "blue-mug",
            "description": "For tea",
            "images": [{"url": "https://cdn.example/mug.png", "alt": "Blue mug"}],
            "imageUrl": "https://cdn.example/mug.png",
            "tags": ["kitchen", "blue"],
            "categoryIds": ["home"],
            "featured": True,
            "inventoryStatus": "low",
            "inventoryQuantity": 2,
            "fiatAmount": 12.5,
            "fiatAmountCents": 1250,
            "effectiveFiatAmount": 6.25,
            "effectiveFiatAmountCents": 625,
            "fiatCurrency": "USD",
            "compareAtFiatAmount": 15.0,
            "compareAtAmountCents": 1500,
            "compareAtFiatCurrency": "USD",
            "hasStripeCoupon": True,
            "stripeCouponCode": "TEA",
            "stripeDiscountPercent": 50.0,
            "cryptoAmount": 0.0,
            "effectiveCryptoAmount": 0.0,
            "cryptoToken": "",
            "hasCryptoCoupon": False,
            "cryptoDiscountPercent": 0.0,
            "metadata": RESOURCES["mug"]["metadata"],
        }

    async def test_a_slug_that_nobody_gave_is_the_id(self, shop: Shop) -> None:
        """Adapters look by slug first."""
        assert (await shop.get(f"{PRODUCTS}/by-slug/pot")).body["id"] == "pot"

    @pytest.mark.parametrize(
        "path", ["by-slug/mug", "by-slug/nothing", "nothing", "v1", "%20", f"by-slug/{'a' * 300}"]
    )
    async def test_others_are_not_found(self, shop: Shop, path: str) -> None:
        """By the code that clients look for."""
        answer = await shop.get(f"{PRODUCTS}/{path}")
        assert (answer.status, answer.code) == (404, "resource_not_found")


class TestQuoteByGet:
    async def test_a_token_price_is_a_requirement(self, shop: Shop) -> None:
        """The same that the 402 offers."""
        answer = await shop.get("/paywall/v1/quote?resource=song")
        posted = await shop.post("/paywall/v1/quote", {"resource": "song"})
        wanted = posted.body["accepts"][0]
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        crypto = answer.body["crypto"]
        assert {**crypto, "extra": None} == {**wanted, "extra": None}
        assert answer.body["resource"] == "song"
        assert answer.body["free"] is False
        assert answer.body["expiresAt"].endswith("Z")
        assert "stripe" not in answer.body

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ("", 400, "missing_field"),
            ("resource=nothing", 404, "resource_not_found"),
            ("resource=v1", 400, "invalid_resource"),
            ("resource=mug", 400, "invalid_resource"),
            (f"resource={'a' * 300}", 400, "invalid_field"),
        ],
    )
    async def test_refusals(self, shop: Shop, query: str, status: int, code: str) -> None:
        """What is sold by a rail that is not here has nothing to be quoted."""
        answer = await shop.get(f"/paywall/v1/quote?{query}")
        assert (answer.status, answer.code) == (status, code)

    async def test_what_costs_nothing_says_so_and_is_not_granted(self) -> None:
        """A GET writes nothing."""
        async with open_shop() as shop:
            answer = await shop.get("/paywall/v1/quote?resource=book&couponCode=FREE")
            assert answer.body["free"] is True
            assert "crypto" not in answer.body
            assert await shop.payments() == []


class TestPages:
    async def test_the_storefront_is_empty_until_something_is_saved(self, shop: Shop) -> None:
        """With the ways to pay that are open."""
        answer = await shop.get("/paywall/v1/storefront")
        assert answer.body == {
            "config": {},
            "paymentMethods": {"stripe": False, "x402": True, "credits": False},
        }
        assert answer.headers["Cache-Control"].startswith("private")

    async def test_what_was_saved_is_shown(self) -> None:
        """As it was saved; it may ask for accounts."""
        saved = {"checkout": {"guestCheckout": False}, "shopPage": {"title": "Ours"}}
        async with open_shop() as shop:
            async with shop.gateway.store.begin() as unit:
                await unit.settings.put(DEFAULT, CONFIG, saved, 0, shop.clock.now(), "test")
            storefront = await shop.get("/paywall/v1/storefront")
            facts = await shop.get("/paywall/v1/shop")
        assert storefront.body["config"] == saved
        assert facts.body["checkout"] == {"guestCheckout": False}

    async def test_the_shops_facts(self, shop: Shop) -> None:
        """What pages need to take tokens; of cards there is nothing without their section."""
        answer = await shop.get("/paywall/v1/shop")
        assert answer.body == {
            "checkout": {"guestCheckout": True},
            "stripe": None,
            "x402": {
                "network": "devnet",
                "paymentAddress": str(shop.merchant.address),
                "tokenMint": str(USDC.mint),
                "tokenSymbol": "USDC",
                "enabled": True,
            },
            "paymentMethods": {"stripe": False, "x402": True, "credits": False},
        }


class TestAnchors:
    async def test_a_token_account(self, shop: Shop) -> None:
        """The one that the buyer has."""
        buyer = shop.buyer()
        asked = {"owner": str(buyer.address), "mint": str(USDC.mint)}
        answer = await shop.post("/paywall/v1/derive-token-account", asked)
        assert answer.body == {**asked, "tokenAccount": str(buyer.account(USDC.mint))}

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"owner": "nobody"}, "invalid_wallet"),
            ({"mint": "nothing"}, "invalid_token_mint"),
            ({"owner": ""}, "missing_field"),
            ({"mint": 3}, "invalid_field"),
            ({"more": "x"}, "invalid_field"),
        ],
    )
    async def test_what_is_no_address(self, shop: Shop, change: dict[str, Any], code: str) -> None:
        """It is refused by its own code."""
        usual = {"owner": str(shop.merchant.address), "mint": str(USDC.mint)}
        answer = await shop.post("/paywall/v1/derive-token-account", {**usual, **change})
        assert (answer.status, answer.code) == (400, code)

    async def test_a_blockhash_serves_several_for_a_while(self) -> None:
        """The node is asked once a second."""
        async with open_shop() as shop:
            first = await shop.get("/paywall/v1/blockhash")
            second = await shop.get("/paywall/v1/blockhash")
        assert (first.status, second.body["cached"]) == (200, True)
        assert second.body["blockhash"] == first.body["blockhash"]
        assert second.body["lastValidBlockHeight"] == first.body["lastValidBlockHeight"]


async def nonce(shop: Shop, purpose: str = "list-purchases") -> str:
    """Have a nonce to sign."""
    made = await shop.post("/paywall/v1/nonce", {"purpose": purpose})
    return str(made.body["nonce"])


def signed(keypair: Keypair, message: str) -> dict[str, str]:
    """Sign a message."""
    signature = base64.b64encode(bytes(keypair.sign_message(message.encode()))).decode()
    return {
        "X-Signer": str(keypair.pubkey()),
        "X-Message": message,
        "X-Signature": signature,
    }


class TestPurchases:
    @pytest_asyncio.fixture(loop_scope="module")
    async def sold(self) -> AsyncIterator[Shop]:
        async with open_shop(server={"admin_api_key": KEY}) as made:
            yield made

    async def test_a_wallet_sees_its_own(self, sold: Shop) -> None:
        """By a nonce that it signs, and that counts once."""
        buyer, other = sold.buyer(), sold.buyer()
        await sold.paid(buyer)
        await sold.paid(other, "book")
        headers = signed(buyer.keypair, f"list-purchases:{await nonce(sold)}")
        answer = await sold.get(PURCHASES, headers)
        again = await sold.get(PURCHASES, headers)
        [row] = answer.body["purchases"]
        assert answer.body["complete"] is True
        assert row.pop("paid_at").endswith("Z")
        assert len(row.pop("signature")) > 80
        assert row == {
            "tenant_id": "default",
            "resource_id": "article",
            "wallet": str(buyer.address),
            "amount": "0.050000 USDC",
            "metadata": {},
        }
        assert (again.status, again.code) == (401, "unauthorized")

    async def test_the_operator_sees_all_in_pages(self, sold: Shop) -> None:
        """Or those of a wallet that he names."""
        buyer, other = sold.buyer(), sold.buyer()
        for name in ("article", "book", "article"):
            await sold.paid(buyer, name)
        await sold.paid(other)
        operator = {"Authorization": f"Bearer {KEY}"}
        pages = [
            (await sold.get(f"{PURCHASES}?limit=2&offset={offset}", operator)).body
            for offset in (0, 2)
        ]
        his = await sold.get(f"{PURCHASES}?wallet={buyer.address}", operator)
        names = [[each["resource_id"] for each in page["purchases"]] for page in pages]
        assert names == [["article", "article"], ["book", "article"]]
        assert [page["complete"] for page in pages] == [False, True]
        assert len(his.body["purchases"]) == 3

    async def test_others_see_nothing(self, shop: Shop) -> None:
        """Unsigned, wrongly signed, or with a nonce for something else."""
        wallet, thief = Keypair(), Keypair()
        good = signed(wallet, f"list-purchases:{await nonce(shop)}")
        refused: list[dict[str, str]] = [
            {},
            {"Authorization": "Bearer wrong"},
            {**good, "X-Signer": str(thief.pubkey())},
            {**good, "X-Message": f"list-purchases:{await nonce(shop)}"},
            signed(wallet, "list-purchases"),
            signed(wallet, f"list-purchases:{'0' * 32}"),
            signed(wallet, f"list-purchases:{await nonce(shop, 'refund_list')}"),
        ]
        for headers in refused:
            answer = await shop.get(PURCHASES, headers)
            assert (answer.status, answer.code) == (401, "unauthorized"), headers
        assert (await shop.get(PURCHASES, good)).status == 200

    async def test_a_nonce_ends(self) -> None:
        """After five minutes."""
        async with open_shop() as shop:
            headers = signed(Keypair(), f"list-purchases:{await nonce(shop)}")
            shop.clock.forward(timedelta(minutes=6))
            answer = await shop.get(PURCHASES, headers)
        assert (answer.status, answer.code) == (401, "unauthorized")


class TestAbsent:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/paywall/v1/credits/balance"),
            ("POST", "/paywall/v1/credits/hold"),
            ("POST", "/paywall/v1/credits/authorize"),
            ("POST", "/paywall/v1/chat"),
            ("POST", "/paywall/v1/compliance-check"),
            ("GET", "/paywall/v1/gift-card/claim/token"),
            ("POST", "/paywall/v1/gift-card/claim/token"),
            ("GET", "/paywall/v1/gift-card/balance/code"),
            ("GET", "/paywall/v1/asset-redemption/mug/form"),
            ("POST", "/paywall/v1/asset-redemption/mug/submit"),
            ("GET", "/paywall/v1/asset-redemption/mug/status"),
            ("GET", "/paywall/v1/faqs"),
            ("GET", "/paywall/v1/collections"),
        ],
    )
    async def test_what_is_not_here_is_404_with_a_code(
        self, shop: Shop, method: str, path: str
    ) -> None:
        """Never a success that means nothing."""
        answer = await shop.call(method, path, body={} if method == "POST" else None)
        assert (answer.status, answer.code) == (404, "route_not_found")

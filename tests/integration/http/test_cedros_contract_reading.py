"""Every answer of the Cedros contract to those who look around, word for word."""

import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from support.chain import USDC
from support.contract_shop import TIME, contract_shop, error, posted, requirement
from support.shop import Shop
from tillway.entrypoints.sandbox.chain.faults import Fault, Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUOTE, COUPON = "/paywall/v1/quote", "/paywall/v1/coupons/validate"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with contract_shop() as made:
        yield made


class TestHealth:
    async def test_ok(self, shop: Shop) -> None:
        """With the fields of the contract, and our version."""
        answer = await shop.get("/cedros-health")

        assert answer.status == 200
        body = dict(answer.body)
        assert re.fullmatch(r"(\d+h)?(\d+m)?[\d.]+(s|ms|µs)", body.pop("uptime"))
        assert TIME.fullmatch(body.pop("timestamp"))
        assert isinstance(body.pop("version"), str)
        wallet = body["walletHealth"]["wallets"][0]
        assert TIME.fullmatch(wallet.pop("lastChecked"))
        assert body == {
            "status": "ok",
            "rpcHealthy": True,
            "network": "devnet",
            "features": ["gasless"],
            "walletHealth": {
                "summary": {"healthy": 1, "unhealthy": 0, "critical": 0, "total": 1},
                "wallets": [
                    {
                        "publicKey": f"{str(shop.sponsor.address)[:8]}...",
                        "balance": wallet["balance"],
                        "status": "healthy",
                    }
                ],
            },
        }
        assert re.fullmatch(r"\d+\.\d{6}", wallet["balance"])

    async def test_degraded_is_200_too(self) -> None:
        """As recommended: the official client takes any other status for no answer."""
        async with contract_shop() as shop:
            shop.faults.spoiled = [Fault(kind=Kind.HTTP_500)]
            answer = await shop.get("/cedros-health")

        assert (answer.status, answer.body["status"]) == (200, "degraded")
        assert answer.body["rpcHealthy"] is False

    async def test_the_prefix_is_told(self) -> None:
        """Clients learn it here; without one the field is left out."""
        async with contract_shop(server={"route_prefix": "/api"}) as shop:
            answer = await shop.get("/cedros-health")
            quoted = await shop.post(f"/api{QUOTE}", {"resource": "article"})

        assert answer.body["routePrefix"] == "/api"
        assert quoted.status == 402


class TestDiscovery:
    async def test_payment_options(self, shop: Shop) -> None:
        """What is sold, at list prices, and where tokens go."""
        answer = await shop.get("/.well-known/payment-options")

        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.body == {
            "version": "1.0",
            "server": "cedros-pay",
            "resources": [
                {
                    "id": "article",
                    "name": "Text",
                    "description": "Text",
                    "endpoint": "/paywall/article",
                    "price": {
                        "fiat": {"amount": 1.25, "currency": "USD"},
                        "crypto": {"amount": 0.05, "token": "USDC"},
                    },
                    "metadata": {"shelf": "3"},
                },
                {
                    "id": "course",
                    "name": "Dear",
                    "description": "Dear",
                    "endpoint": "/paywall/course",
                    "price": {"crypto": {"amount": 1.0, "token": "USDC"}},
                },
                {
                    "id": "mug",
                    "name": "By card",
                    "description": "By card",
                    "endpoint": "/paywall/mug",
                    "price": {"fiat": {"amount": 12.5, "currency": "USD"}},
                },
            ],
            "payment": {
                "methods": ["x402-solana-spl-transfer"],
                "x402": {
                    "network": "devnet",
                    "paymentAddress": str(shop.merchant.address),
                    "tokenMint": str(USDC.mint),
                },
            },
        }

    async def test_agent_card(self, shop: Shop) -> None:
        """The flat card of the reference's code, with what is there."""
        answer = await shop.get("/.well-known/agent.json")

        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert (answer.body["name"], answer.body["version"]) == ("Cedros Pay", "1.0")
        assert answer.body["service_endpoint"] == shop.address
        assert answer.body["authentication"] == {"type": "hybrid", "schemes": ["x402", "none"]}
        (method,) = answer.body["payment_methods"]
        assert (method["type"], method["network"]) == ("cryptocurrency", "devnet")
        assert method["protocol"] == "x402-solana-spl-transfer"
        assert set(answer.body["metadata"]) == {
            "project_url",
            "documentation",
            "discovery_rfc8615",
            "discovery_mcp",
            "openapi_spec",
        }

    async def test_resources(self, shop: Shop) -> None:
        """The catalogue by JSON-RPC."""
        asked = {"jsonrpc": "2.0", "id": "a", "method": "resources/list", "params": {"x": 1}}

        answer = await shop.post("/resources/list", asked)

        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.body["jsonrpc"] == "2.0"
        assert answer.body["id"] == "a"
        assert answer.body["result"]["resources"][0] == {
            "uri": "cedros-pay://paywall/article",
            "name": "Text",
            "description": "Text",
            "mimeType": "application/json",
        }

    @pytest.mark.parametrize(
        ("raw", "number", "code", "message"),
        [
            (b"{", None, -32700, "Parse error"),
            (b'{"jsonrpc":"1.0","id":7}', 7, -32600, "Invalid Request: jsonrpc must be '2.0'"),
            (b'{"jsonrpc":"2.0","id":7,"method":"x"}', 7, -32601, "Method not found"),
        ],
    )
    async def test_resources_refused(
        self, shop: Shop, raw: bytes, number: object, code: int, message: str
    ) -> None:
        """JSON-RPC's errors come with 200."""
        answer = await posted(shop, "/resources/list", raw)

        assert answer.status == 200
        told = {"code": code, "message": message}
        assert answer.body == {"jsonrpc": "2.0", "id": number, "error": told}


class TestMetrics:
    @pytest.mark.parametrize("path", ["/metrics", "/api/metrics"])
    async def test_open_without_a_key(self, path: str) -> None:
        """With the prefix and without, outside of production."""
        async with contract_shop(server={"route_prefix": "/api"}) as shop:
            answer = await shop.get(path)

        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")

    async def test_shut_with_a_key(self) -> None:
        """401, under the code that the reference has for it."""
        async with contract_shop(server={"admin_metrics_api_key": "k" * 32}) as shop:
            none, wrong = [
                await shop.get("/metrics", headers)
                for headers in ({}, {"Authorization": "Bearer x"})
            ]
            right = await shop.get("/metrics", {"Authorization": f"Bearer {'k' * 32}"})

        refusal = error("invalid_field", "Invalid or missing admin API key")
        assert (none.status, none.body) == (wrong.status, wrong.body) == (401, refusal)
        assert right.status == 200


class TestProducts:
    async def test_200(self, shop: Shop) -> None:
        """By id, priced as quotes are, without what is empty."""
        answer = await shop.get("/paywall/v1/products")

        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.body == {
            "products": [
                {
                    "id": "article",
                    "description": "Text",
                    "fiatAmount": 1.25,
                    "effectiveFiatAmount": 1.25,
                    "fiatCurrency": "USD",
                    "stripePriceId": "price_1",
                    "cryptoAmount": 0.05,
                    "effectiveCryptoAmount": 0.04,
                    "cryptoToken": "USDC",
                    "hasStripeCoupon": False,
                    "hasCryptoCoupon": True,
                    "cryptoCouponCode": "TILL",
                    "stripeDiscountPercent": 0,
                    "cryptoDiscountPercent": 20,
                    "metadata": {"shelf": "3"},
                    "featured": False,
                    "fiatAmountCents": 125,
                    "effectiveFiatAmountCents": 125,
                },
                {
                    "id": "course",
                    "description": "Dear",
                    "featured": False,
                    "fiatAmount": 0,
                    "effectiveFiatAmount": 0,
                    "fiatCurrency": "",
                    "cryptoAmount": 1,
                    "effectiveCryptoAmount": 0.72,
                    "cryptoToken": "USDC",
                    "hasStripeCoupon": False,
                    "hasCryptoCoupon": True,
                    "cryptoCouponCode": "SALE,TILL",
                    "stripeDiscountPercent": 0,
                    "cryptoDiscountPercent": 28,
                },
                {
                    "id": "mug",
                    "description": "By card",
                    "featured": False,
                    "fiatAmountCents": 1250,
                    "effectiveFiatAmountCents": 1250,
                    "fiatAmount": 12.5,
                    "effectiveFiatAmount": 12.5,
                    "fiatCurrency": "USD",
                    "cryptoAmount": 0,
                    "effectiveCryptoAmount": 0,
                    "cryptoToken": "",
                    "hasStripeCoupon": False,
                    "hasCryptoCoupon": False,
                    "stripeDiscountPercent": 0,
                    "cryptoDiscountPercent": 0,
                },
            ],
            "total": 3,
            "count": 3,
            "limit": 10_000,
            "offset": 0,
            "checkoutStripeCoupons": [],
            "checkoutCryptoCoupons": [
                {
                    "code": "TILL",
                    "discountType": "percentage",
                    "discountValue": 20,
                    "currency": "USD",
                    "description": "Every day",
                }
            ],
        }

    async def test_it_is_what_quotes_ask(self, shop: Shop) -> None:
        """One function prices both."""
        listed = (await shop.get("/paywall/v1/products")).body["products"]

        for product in listed[:2]:
            wanted = await requirement(shop, product["id"])
            asked = int(wanted["maxAmountRequired"])
            assert asked == round(product["effectiveCryptoAmount"] * 1_000_000)


class TestCoupons:
    async def test_valid(self, shop: Shop) -> None:
        """Without what is empty."""
        answer = await shop.post(COUPON, {"code": "HALF"})

        assert answer.status == 200
        assert answer.body == {
            "valid": True,
            "code": "HALF",
            "discountType": "percentage",
            "discountValue": 50,
            "scope": "all",
        }

    async def test_valid_with_everything(self, shop: Shop) -> None:
        """Products, method, whole seconds of its end, and how often it can be used."""
        asked = {"code": "BOOKS", "productIds": ["course"], "paymentMethod": "x402"}

        answer = await shop.post(COUPON, asked)

        assert answer.status == 200
        assert answer.body == {
            "valid": True,
            "code": "BOOKS",
            "discountType": "fixed",
            "discountValue": 0.5,
            "scope": "specific",
            "applicableProducts": ["course"],
            "paymentMethod": "x402",
            "expiresAt": "2036-01-31T12:00:00Z",
            "remainingUses": 5,
        }

    @pytest.mark.parametrize(
        ("asked", "text"),
        [
            ({"code": "NOSUCH"}, "Coupon not found"),
            ({"code": "half"}, "Coupon not found"),
            ({"code": ""}, "Coupon not found"),
            ({}, "Coupon not found"),
            ({"code": "OFF"}, "Coupon not found"),
            ({"code": "SOON"}, "coupon not started yet"),
            ({"code": "LATE"}, "coupon expired"),
            ({"code": "GONE"}, "coupon usage limit reached"),
            (
                {"code": "CARD", "paymentMethod": "x402"},
                "Coupon does not apply to the selected payment method",
            ),
            (
                {"code": "BOOKS", "productIds": ["article"]},
                "Coupon does not apply to the selected products",
            ),
        ],
    )
    async def test_invalid(self, shop: Shop, asked: dict[str, Any], text: str) -> None:
        """200 with the contract's words; an inactive one is not found, as in its databases."""
        answer = await shop.post(COUPON, asked)

        assert (answer.status, answer.body) == (200, {"valid": False, "error": text})

    async def test_400(self, shop: Shop) -> None:
        """In the contract's words, which begin with a small letter here."""
        answer = await posted(shop, COUPON, b"{")

        assert answer.status == 400
        assert answer.body == error("invalid_field", "invalid request body")


class TestEverywhere:
    @pytest.mark.parametrize("path", ["/nosuch", "/paywall/v1/nosuch", "/paywall/a/b", "/"])
    async def test_404_for_unknown_routes(self, shop: Shop, path: str) -> None:
        """Ours: the reference answers as text."""
        answer = await shop.get(path)

        assert answer.status == 404
        assert answer.body == error("route_not_found", "There is nothing at this path.")

    async def test_405_names_the_methods(self, shop: Shop) -> None:
        """Ours: the reference answers with an empty body."""
        answer = await shop.get(COUPON)

        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert answer.body == error("method_not_allowed", "This path does not take this method.")

    @pytest.mark.parametrize("path", ["/cedros-health", "/nosuch", "/paywall/article", QUOTE])
    async def test_headers_of_all_answers(self, shop: Shop, path: str) -> None:
        """On success, on refusal, and where there is nothing."""
        headers = (await shop.get(path)).headers

        assert headers["X-API-Version"] == "v1"
        assert headers["Vary"] == "Accept, X-API-Version"
        assert re.fullmatch(r"req_[0-9a-f]{32}", headers["X-Request-ID"])
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-XSS-Protection"] == "1; mode=block"
        assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
        assert "Strict-Transport-Security" not in headers

    async def test_json_ends_with_one_newline(self, shop: Shop) -> None:
        """Compact, as Go's encoder writes it."""
        async with shop.http.get(f"{shop.address}/nosuch") as response:
            raw = await response.read()
        assert raw == orjson.dumps(orjson.loads(raw)) + b"\n"

"""What agents find, over loopback."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from attrs import frozen

from support.faces import FACTS, SayingRail, faces
from support.shell import Said, ask
from tillway.core.catalog import Coupon, Product
from tillway.core.errors import Unavailable
from tillway.core.ids import CouponCode, ProductId
from tillway.core.tenancy import Tenant


class CardRail(SayingRail):
    """A rail for cards that cannot tell how it is."""

    def __init__(self) -> None:
        super().__init__(name="stripe", method="stripe")


@frozen
class AwayCatalogue:
    """A catalogue whose source is away."""

    async def product(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Fail."""
        raise Unavailable

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Fail."""
        raise Unavailable

    async def coupons(self, tenant: Tenant) -> Sequence[Coupon]:
        """Fail."""
        raise Unavailable

    async def coupon(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Fail."""
        raise Unavailable


class TestPaymentOptions:
    async def test_it_lists_what_is_sold_by_id(self) -> None:
        """With the prices that there are, and the paths that sell it."""
        async with faces(server={"route_prefix": "/api"}) as place:
            found = await ask(place.client, "/.well-known/payment-options")
        assert found.headers["Cache-Control"] == "public, max-age=300"
        assert found.headers["Access-Control-Allow-Origin"] == "*"
        assert found.body == {
            "version": "1.0",
            "server": "cedros-pay",
            "resources": [
                {
                    "id": "a-book",
                    "name": "A <book>",
                    "description": "A <book>",
                    "endpoint": "/api/paywall/a-book",
                    "price": {
                        "fiat": {"amount": 12.5, "currency": "USD"},
                        "crypto": {"amount": 0.05, "token": "USDC"},
                    },
                    "metadata": {"shelf": "3"},
                },
                {
                    "id": "mug two?three",
                    "name": "",
                    "description": "",
                    "endpoint": "/api/paywall/mug%20two%3Fthree",
                    "price": {"fiat": {"amount": 9.99, "currency": "USD"}},
                },
            ],
            "payment": {"methods": ["x402-solana-spl-transfer"], "x402": FACTS},
        }

    async def test_it_names_only_the_rails_that_are_there(self) -> None:
        """A gateway for cards promises no stablecoins."""
        async with faces(CardRail()) as place:
            found = await ask(place.client, "/.well-known/payment-options")
        assert found.body["payment"] == {"methods": ["stripe"]}

    async def test_a_catalogue_that_is_away_is_503(self) -> None:
        """In the envelope, retryable."""
        async with faces(catalogue=AwayCatalogue()) as place:
            found = await ask(place.client, "/.well-known/payment-options")
        assert (found.status, found.code) == (503, "service_unavailable")


class TestAgentCard:
    async def test_it_describes_this_gateway(self) -> None:
        """Its address as it was asked for, and no more than it can do."""
        async with faces() as place:
            found = await ask(place.client, "/.well-known/agent.json")
            address = place.client.address
        card = found.body
        assert found.headers["Cache-Control"] == "public, max-age=3600"
        assert (card["service_endpoint"], card["version"]) == (address, "1.0")
        assert "x402-payment" in card["capabilities"]
        assert "stripe-checkout" not in card["capabilities"]
        assert card["authentication"] == {"type": "hybrid", "schemes": ["x402", "none"]}
        assert [each["protocol"] for each in card["payment_methods"]] == [
            "x402-solana-spl-transfer"
        ]
        assert card["metadata"]["discovery_mcp"] == "POST /resources/list"

    async def test_cards_are_offered_where_they_are_taken(self) -> None:
        """Both rails, both ways."""
        async with faces(SayingRail(), CardRail()) as place:
            card = (await ask(place.client, "/.well-known/agent.json")).body
        assert card["authentication"]["schemes"] == ["x402", "stripe-session", "none"]
        assert [each["type"] for each in card["payment_methods"]] == ["cryptocurrency", "fiat"]


class TestResources:
    async def test_agents_list_the_catalogue(self) -> None:
        """Under the id that they chose."""
        async with faces() as place:
            found = await self.asked(
                place.client, b'{"jsonrpc":"2.0","id":7,"method":"resources/list"}'
            )
        assert found.body == {
            "jsonrpc": "2.0",
            "id": 7,
            "result": {
                "resources": [
                    {
                        "uri": "cedros-pay://paywall/a-book",
                        "name": "A <book>",
                        "mimeType": "application/json",
                        "description": "A <book>",
                    },
                    {
                        "uri": "cedros-pay://paywall/mug%20two%3Fthree",
                        "name": "mug two?three",
                        "mimeType": "application/json",
                    },
                ]
            },
        }

    @pytest.mark.parametrize(
        ("raw", "code", "number"),
        [
            (b"", -32700, None),
            (b"{", -32700, None),
            (b"[" * 100 + b"]" * 100, -32700, None),
            (b"[]", -32600, None),
            (b'{"id":"a","method":"resources/list"}', -32600, "a"),
            (b'{"jsonrpc":"1.0","id":1}', -32600, 1),
            (b'{"jsonrpc":"2.0","id":[[1]],"method":"x"}', -32601, None),
            (b'{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}', -32601, 1.5),
            (b'{"jsonrpc":"2.0","id":true,"method":[]}', -32601, None),
        ],
    )
    async def test_faults_are_json_rpc_errors_in_200(
        self, raw: bytes, code: int, number: object
    ) -> None:
        """With the id, if it is one."""
        async with faces() as place:
            found = await self.asked(place.client, raw)
        assert found.status == 200
        assert (found.body["error"]["code"], found.body["id"]) == (code, number)

    async def test_a_catalogue_that_is_away_is_an_internal_error_of_json_rpc(self) -> None:
        """Without saying what is inside."""
        request = b'{"jsonrpc":"2.0","id":1,"method":"resources/list"}'
        async with faces(catalogue=AwayCatalogue()) as place:
            found = await self.asked(place.client, request)
        assert found.status == 200
        assert found.body["error"]["code"] == -32603
        assert found.body["error"]["message"] == "Internal error: failed to fetch resources"

    async def test_a_page_of_any_origin_may_ask(self) -> None:
        """Its preflight is answered although no origin is configured."""
        async with faces() as place:
            headers = {
                "Origin": "https://any.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            }
            found = await ask(place.client, "/resources/list", "OPTIONS", headers=headers)
        assert (found.status, found.headers["Access-Control-Allow-Origin"]) == (204, "*")

    async def test_a_body_that_is_too_large_is_413(self) -> None:
        """As everywhere."""
        async with faces() as place:
            found = await self.asked(place.client, BytesIO(b'{"x":"' + b"x" * 1_050_000))
        assert found.status == 413

    async def asked(self, client: Any, raw: Any) -> Said:
        return await ask(client, "/resources/list", "POST", data=raw)

"""GET /.well-known/agent.json: what this service does, for agents."""

from collections.abc import Sequence

from aiohttp import web
from attrs import define

from tillway.entrypoints.http.apis.discovery.shelf import CARD, X402, Shelf
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import mount, origin

DESCRIPTION = (
    "Sells resources over HTTP: ask for one, and a 402 answer says how it can be paid. "
    "Prices, offers and receipts are machine-readable."
)


@define
class AgentCard:
    """Describe the gateway as it is configured."""

    shelf: Shelf

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200."""
        methods = self.shelf.methods()
        endpoint = origin(request) + mount(request)
        network = (await self.shelf.facts()).get("network", "")
        body = {
            "name": "Cedros Pay",
            "version": "1.0",
            "description": DESCRIPTION,
            "service_endpoint": endpoint,
            "capabilities": _capabilities(methods),
            "authentication": {"type": "hybrid", "schemes": _schemes(methods)},
            "payment_methods": _payment_methods(methods, network),
            "metadata": {
                "project_url": endpoint,
                "documentation": f"{endpoint}/openapi.json",
                "discovery_rfc8615": "/.well-known/payment-options",
                "discovery_mcp": "POST /resources/list",
                "openapi_spec": "/openapi.json",
            },
        }
        return answer(body)


def _capabilities(methods: Sequence[str]) -> list[str]:
    bought = {X402: "x402-payment", CARD: "stripe-checkout"}
    of_rails = [name for method, name in bought.items() if method in methods]
    return ["payment-processing", *of_rails, "product-catalog", "coupon-support"]


def _schemes(methods: Sequence[str]) -> list[str]:
    shown = {X402: "x402", CARD: "stripe-session"}
    return [*(name for method, name in shown.items() if method in methods), "none"]


def _payment_methods(methods: Sequence[str], network: str) -> list[dict[str, object]]:
    ways: dict[str, dict[str, object]] = {
        X402: {
            "type": "cryptocurrency",
            "protocol": "x402-solana-spl-transfer",
            "network": network,
            "description": "Stablecoins on Solana, by x402",
        },
        CARD: {"type": "fiat", "protocol": "stripe", "description": "Cards, by Stripe"},
    }
    return [way for method, way in ways.items() if method in methods]

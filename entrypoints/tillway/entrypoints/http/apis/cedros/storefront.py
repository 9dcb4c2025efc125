"""GET /paywall/v1/storefront and /shop: what a shop's pages have to know of it."""

from collections.abc import Mapping

from aiohttp import web
from attrs import define, frozen

from tillway.core.services.catalogue.shop import CARD, TOKEN
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

PRIVATE = {"Cache-Control": "private, max-age=60"}


@frozen(kw_only=True)
class Facts:
    """What the settings say of either way to pay; None for one that is not set."""

    card: Mapping[str, object] | None = None
    token: Mapping[str, object] | None = None


@define
class Storefront:
    """Tell how the shop is to look, and how it can be paid. Nothing of it is secret."""

    services: Services
    facts: Facts

    async def storefront(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with what the operator has saved; nothing saved is an empty object."""
        config = await self.services.shop.saved_config(request[TENANT])
        return answer({"config": dict(config), "paymentMethods": self._methods()}, 200, PRIVATE)

    async def shop(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with keys, addresses and modes for pages."""
        methods = self._methods()
        config = await self.services.shop.saved_config(request[TENANT])
        return answer(
            {
                "checkout": {"guestCheckout": _guests(config)},
                "stripe": _part(self.facts.card, enabled=methods["stripe"]),
                "x402": _part(self.facts.token, enabled=methods["x402"]),
                "paymentMethods": methods,
            },
            200,
            PRIVATE,
        )

    def _methods(self) -> Mapping[str, bool]:
        rails = self.services.rails
        hosting = {rail.method for rail in rails.hosting}
        return {
            "stripe": CARD in hosting,
            "x402": any(rail.method == TOKEN for rail in rails.offering),
            "credits": any(rail.method == "credits" for rail in rails.offering),
        }


def _part(facts: Mapping[str, object] | None, *, enabled: bool) -> Mapping[str, object] | None:
    return None if facts is None else {**facts, "enabled": enabled}


def _guests(config: Mapping[str, object]) -> bool:
    """Tell whether the saved configuration lets buyers do without an account; it does at first."""
    checkout = config.get("checkout")
    return not (isinstance(checkout, Mapping) and checkout.get("guestCheckout") is False)

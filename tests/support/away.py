"""What a gateway does over a database that may go away, whichever that is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest

from support.shop import COUPONS, RESOURCES, Shop, another_gateway, open_shop, v2_header
from tillway.core.payments import State

_FROM_THE_FILE: Final[Any] = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
}


class GatewayOverDatabase:
    """Needs the fixtures ``storage``, the settings of a fresh database, ``stop`` and ``start``."""

    @pytest.fixture
    async def shop(self, storage: dict[str, str]) -> AsyncIterator[Shop]:
        async with open_shop(storage=storage, **_FROM_THE_FILE) as made:
            yield made

    async def test_a_purchase_is_claimed_settled_and_told(self, shop: Shop) -> None:
        """From the offer to the grant, with the fact of it; the same proof buys nothing twice."""
        answer = await shop.paid(shop.buyer(), "article", "?coupon=HALF")
        assert answer.status == 200
        (bought,) = await shop.payments()
        assert bought.state is State.SETTLED
        assert [fact.type for fact in await shop.events()] == ["payment.succeeded"]
        assert shop.balance() == bought.amount.minor

    async def test_gateways_on_one_database_are_one_shop(
        self, shop: Shop, storage: dict[str, str]
    ) -> None:
        """What one gateway offered, another sells, and a proof shown to both is paid once."""
        async with another_gateway(shop, storage=storage, **_FROM_THE_FILE) as other:
            asked = await shop.offer()
            header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
            answers = await asyncio.gather(
                *(each.get("/paywall/article", header) for each in (shop, other) * 4)
            )
            assert {answer.status for answer in answers} == {200}
            assert len(await other.payments()) == 1
            assert len(await other.events()) == 1
            assert shop.sent() == 1

    async def test_a_database_that_is_away_costs_nobody_anything(
        self,
        shop: Shop,
        stop: Callable[[], Awaitable[None]],
        start: Callable[[], Awaitable[None]],
    ) -> None:
        """503 with Retry-After and not ready while it lasts; then the same proof buys."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
        await stop()
        try:
            refused = await shop.get("/paywall/article", header)
            ready = await shop.get("/healthz/ready")
        finally:
            await start()
        assert (refused.status, refused.code) == (503, "service_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert ready.status == 503
        assert shop.sent() == 0
        granted = await shop.get("/paywall/article", header)
        assert granted.status == 200
        assert shop.sent() == 1


def missing_driver(driver: str, storage: str) -> str:
    """Give a program that prints what is said where a store's driver is not installed."""
    return f"""
import sys
sys.modules["{driver}"] = None
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure
from tillway.plugins.registry import PluginError
configured = configure("storage: {{{storage}}}", {{}})
try:
    store_of(configured)
except PluginError as error:
    print(error)
"""

"""A whole gateway on MongoDB, as the settings make it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from support.mongo import NoServer, Server, nx, server
from support.shop import COUPONS, RESOURCES, Shop, another_gateway, open_shop, v2_header
from support.store_summary import or_skipped
from tillway.core.payments import State
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure

pytest.importorskip("motor", reason="motor is not installed")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """Give a server that these tests may stop."""
    with or_skipped("mongodb", NoServer), server(nx) as running:
        yield running


_FROM_THE_FILE: Any = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
}


@pytest.fixture
def storage(own_server: Server) -> dict[str, str]:
    mongo = own_server.mongo
    return {
        "backend": "mongodb",
        "mongodb_url": mongo.url.reveal(),
        "mongodb_database": mongo.fresh(),
    }


@pytest.fixture
async def mongo_shop(storage: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(storage=storage, **_FROM_THE_FILE) as shop:
        yield shop


class TestGatewayOnMongo:
    async def test_a_purchase_is_claimed_settled_and_told(self, mongo_shop: Shop) -> None:
        """From the offer to the grant, with the fact of it; the same proof buys nothing twice."""
        answer = await mongo_shop.paid(mongo_shop.buyer(), "article", "?coupon=HALF")
        assert answer.status == 200
        (bought,) = await mongo_shop.payments()
        assert bought.state is State.SETTLED
        assert [fact.type for fact in await mongo_shop.events()] == ["payment.succeeded"]
        assert mongo_shop.balance() == bought.amount.minor

    async def test_gateways_on_one_database_are_one_shop(
        self, mongo_shop: Shop, storage: dict[str, str]
    ) -> None:
        """What one gateway offered, another sells, and a proof shown to both is paid once."""
        async with another_gateway(mongo_shop, storage=storage, **_FROM_THE_FILE) as other:
            asked = await mongo_shop.offer()
            header = v2_header(mongo_shop.sign(mongo_shop.buyer(), asked.offer), asked.offer)
            answers = await asyncio.gather(
                *(shop.get("/paywall/article", header) for shop in (mongo_shop, other) * 4)
            )
            assert {answer.status for answer in answers} == {200}
            assert len(await other.payments()) == 1
            assert len(await other.events()) == 1
            assert mongo_shop.sent() == 1

    async def test_a_server_that_is_away_costs_nobody_anything(
        self, mongo_shop: Shop, own_server: Server
    ) -> None:
        """503 with Retry-After and not ready while it lasts; then the same proof buys."""
        asked = await mongo_shop.offer()
        header = v2_header(mongo_shop.sign(mongo_shop.buyer(), asked.offer), asked.offer)
        own_server.stop(signal.SIGKILL)
        try:
            refused = await mongo_shop.get("/paywall/article", header)
            ready = await mongo_shop.get("/healthz/ready")
        finally:
            own_server.start()
        assert (refused.status, refused.code) == (503, "service_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert ready.status == 503
        assert mongo_shop.sent() == 0
        granted = await mongo_shop.get("/paywall/article", header)
        assert granted.status == 200
        assert mongo_shop.sent() == 1


class TestSettings:
    def test_the_database_is_as_configured(self) -> None:
        """URL and name come from the settings, and neither is shown."""
        from tillway.adapters.stores.mongo import MongoStore

        text = """
            logging: {environment: development}
            storage: {mongodb_url: "mongodb://user@127.0.0.1:1", mongodb_database: shop}
        """
        store = store_of(configure(text, {}))
        inner = getattr(store, "store", store)
        assert isinstance(inner, MongoStore)
        assert inner.name == "shop"
        assert "127.0.0.1" not in repr(inner)

    def test_a_missing_driver_is_named_with_its_remedy(self) -> None:
        """Without motor, only this store fails, and says what to install."""
        code = """
import sys
sys.modules["motor"] = None
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure
from tillway.plugins.registry import PluginError
configured = configure("storage: {mongodb_url: 'mongodb://user@127.0.0.1:1'}", {})
try:
    store_of(configured)
except PluginError as error:
    print(error)
"""
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "pip install 'tillway[mongo]'" in ran.stdout, ran.stderr

"""A whole gateway on PostgreSQL, as the settings make it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from support.postgres import Databases, databases
from support.shop import COUPONS, RESOURCES, Shop, another_gateway, open_shop, v2_header
from tillway.core.payments import State
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure

pytest.importorskip("asyncpg", reason="asyncpg is not installed")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Databases]:
    """Give a server that these tests may stop."""
    with databases(durable=True) as made:
        yield made


_FROM_THE_FILE: Any = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
}


@pytest.fixture
async def storage(own_server: Databases) -> dict[str, str]:
    url = own_server.server.url(await own_server.fresh(empty=True))
    return {"backend": "postgres", "postgres_url": url.reveal()}


@pytest.fixture
async def pg_shop(storage: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(storage=storage, **_FROM_THE_FILE) as shop:
        yield shop


class TestGatewayOnPostgres:
    async def test_a_purchase_is_claimed_settled_and_told(self, pg_shop: Shop) -> None:
        """From the offer to the grant, with the fact of it; the same proof buys nothing twice."""
        answer = await pg_shop.paid(pg_shop.buyer(), "article", "?coupon=HALF")
        assert answer.status == 200
        (bought,) = await pg_shop.payments()
        assert bought.state is State.SETTLED
        assert [fact.type for fact in await pg_shop.events()] == ["payment.succeeded"]
        assert pg_shop.balance() == bought.amount.minor

    async def test_gateways_on_one_database_are_one_shop(
        self, pg_shop: Shop, storage: dict[str, str]
    ) -> None:
        """What one gateway offered, another sells, and a proof shown to both is paid once."""
        async with another_gateway(pg_shop, storage=storage, **_FROM_THE_FILE) as other:
            asked = await pg_shop.offer()
            header = v2_header(pg_shop.sign(pg_shop.buyer(), asked.offer), asked.offer)
            answers = await asyncio.gather(
                *(shop.get("/paywall/article", header) for shop in (pg_shop, other) * 4)
            )
            assert {answer.status for answer in answers} == {200}
            assert len(await other.payments()) == 1
            assert len(await other.events()) == 1
            assert pg_shop.sent() == 1

    async def test_a_database_that_is_away_costs_nobody_anything(
        self, pg_shop: Shop, own_server: Databases
    ) -> None:
        """503 with Retry-After and not ready while it lasts; then the same proof buys."""
        asked = await pg_shop.offer()
        header = v2_header(pg_shop.sign(pg_shop.buyer(), asked.offer), asked.offer)
        await asyncio.to_thread(own_server.server.stop, signal.SIGQUIT)
        try:
            refused = await pg_shop.get("/paywall/article", header)
            ready = await pg_shop.get("/healthz/ready")
        finally:
            await asyncio.to_thread(own_server.server.start)
        assert (refused.status, refused.code) == (503, "service_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert ready.status == 503
        assert pg_shop.sent() == 0
        granted = await pg_shop.get("/paywall/article", header)
        assert granted.status == 200
        assert pg_shop.sent() == 1


class TestSettings:
    def test_the_pool_is_as_configured(self) -> None:
        """Connections, those that stay unused, and their age come from the settings."""
        from tillway.adapters.stores.postgres import PostgresStore

        text = """
            logging: {environment: development}
            storage:
              postgres_url: postgresql://user@127.0.0.1:1/shop
              postgres_pool: {max_open_conns: 7, max_idle_conns: 3, conn_max_lifetime: 90s}
        """
        store = store_of(configure(text, {}))
        inner = getattr(store, "store", store)
        assert isinstance(inner, PostgresStore)
        limits = inner.limits
        assert (limits.most, limits.idle) == (7, 3)
        assert limits.age == timedelta(seconds=90).total_seconds()
        assert "127.0.0.1" not in repr(inner)

    def test_a_missing_driver_is_named_with_its_remedy(self) -> None:
        """Without asyncpg, only this store fails, and says what to install."""
        code = """
import sys
sys.modules["asyncpg"] = None
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure
from tillway.plugins.registry import PluginError
configured = configure("storage: {postgres_url: postgresql://user@127.0.0.1:1/shop}", {})
try:
    store_of(configured)
except PluginError as error:
    print(error)
"""
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "pip install 'tillway[postgres]'" in ran.stdout, ran.stderr

"""A whole gateway on PostgreSQL, as the settings make it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest

from support.away import GatewayOverDatabase, missing_driver
from support.postgres import Databases, databases
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure

pytest.importorskip("asyncpg", reason="asyncpg is not installed")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Databases]:
    """Give a server that these tests may stop."""
    with databases(durable=True) as made:
        yield made


@pytest.fixture
async def storage(own_server: Databases) -> dict[str, str]:
    url = own_server.server.url(await own_server.fresh(empty=True))
    return {"backend": "postgres", "postgres_url": url.reveal()}


@pytest.fixture
def stop(own_server: Databases) -> Callable[[], Awaitable[None]]:
    return partial(asyncio.to_thread, own_server.server.stop, signal.SIGQUIT)


@pytest.fixture
def start(own_server: Databases) -> Callable[[], Awaitable[None]]:
    return partial(asyncio.to_thread, own_server.server.start)


class TestGatewayOnPostgres(GatewayOverDatabase):
    """All of it."""


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
        code = missing_driver("asyncpg", "postgres_url: postgresql://user@127.0.0.1:1/shop")
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "pip install 'tillway[postgres]'" in ran.stdout, ran.stderr

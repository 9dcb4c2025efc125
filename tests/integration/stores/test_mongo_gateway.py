"""A whole gateway on MongoDB, as the settings make it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest

from support.away import GatewayOverDatabase, missing_driver
from support.mongo import NoServer, Server, nx, server
from support.store_summary import or_skipped
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure

pytest.importorskip("motor", reason="motor is not installed")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """Give a server that these tests may stop."""
    with or_skipped("mongodb", NoServer), server(nx) as running:
        yield running


@pytest.fixture
def storage(own_server: Server) -> dict[str, str]:
    mongo = own_server.mongo
    return {
        "backend": "mongodb",
        "mongodb_url": mongo.url.reveal(),
        "mongodb_database": mongo.fresh(),
    }


@pytest.fixture
def stop(own_server: Server) -> Callable[[], Awaitable[None]]:
    return partial(asyncio.to_thread, own_server.stop, signal.SIGKILL)


@pytest.fixture
def start(own_server: Server) -> Callable[[], Awaitable[None]]:
    return partial(asyncio.to_thread, own_server.start)


class TestGatewayOnMongo(GatewayOverDatabase):
    """All of it."""


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
        code = missing_driver("motor", "mongodb_url: 'mongodb://user@127.0.0.1:1'")
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "pip install 'tillway[mongo]'" in ran.stdout, ran.stderr

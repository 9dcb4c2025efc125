from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from support.mongo import Mongo
from support.postgres import Databases
from support.store_places import mongo_at
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.stores.side_by_side import Pair, SideBySideLaws
from tillway.core.ports.store import Store

pytestmark = pytest.mark.timeout(7200)


class TestMemory(SideBySideLaws):
    """Two stores that forget: what is compared says the same twice."""

    @pytest.fixture
    def pair(self) -> Pair:
        @asynccontextmanager
        async def opened() -> AsyncIterator[tuple[Store, Store]]:
            yield MemoryStore(), MemoryStore()

        return opened


class TestSqlite(SideBySideLaws):
    """The store in a file, anew for each example."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Pair:
        numbers = count()

        @asynccontextmanager
        async def opened() -> AsyncIterator[tuple[Store, Store]]:
            place = tmp_path / f"{next(numbers)}.db"
            store = SqliteStore(place)
            await store.start()
            yield MemoryStore(), store
            await store.aclose()
            for left in place.parent.glob(f"{place.name}*"):
                left.unlink()

        return opened


class TestPostgres(SideBySideLaws):
    """The store in PostgreSQL, in a database of each example's own."""

    @pytest.fixture
    def pair(self, postgres: Databases) -> Pair:
        @asynccontextmanager
        async def opened() -> AsyncIterator[tuple[Store, Store]]:
            from tillway.adapters.stores.postgres import PostgresStore

            name = await postgres.fresh()
            store = PostgresStore(postgres.server.url(name))
            await store.start()
            yield MemoryStore(), store
            await store.aclose()
            await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")

        return opened


class TestMongo(SideBySideLaws):
    """The store in MongoDB, in a database of each example's own."""

    @pytest.fixture
    def pair(self, mongo: Mongo) -> Pair:
        @asynccontextmanager
        async def opened() -> AsyncIterator[tuple[Store, Store]]:
            store = mongo_at(mongo.place())
            await store.start()
            yield MemoryStore(), store
            await store.aclose()

        return opened

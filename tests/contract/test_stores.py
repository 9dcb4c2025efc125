import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from attrs import define

from support.mongo import Mongo
from support.store_places import mongo_at
from support.store_summary import ran_on
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.counts import few_times
from tillway.core.contracts.stores import StoreContract
from tillway.core.contracts.stores.claims import ClaimLaws
from tillway.core.contracts.stores.endings import EndingLaws
from tillway.core.contracts.stores.leases import LeaseLaws
from tillway.core.contracts.stores.reservations import ReservationLaws
from tillway.core.ports.store import Store, UnitOfWork, View
from tillway.core.secrets import Secret


@asynccontextmanager
async def _postgres(database: Secret) -> AsyncIterator[Store]:
    from tillway.adapters.stores.postgres import PostgresStore

    # Ten thousand writes in one unit last long on a busy machine.
    store = PostgresStore(database, patience=60)
    await store.start()
    yield store
    await store.aclose()


class TestMemory(StoreContract):
    """The store that forgets."""

    @pytest.fixture
    async def store(self) -> Store:
        ran_on("memory", "this process")
        return MemoryStore()


class TestSqlite(StoreContract):
    """The store in a file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        ran_on("file", f"SQLite {sqlite3.sqlite_version}")
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        yield store
        await store.aclose()


class TestPostgres(StoreContract):
    """The store in PostgreSQL, used by a role that row-level security binds."""

    @pytest.fixture
    async def store(self, database: Secret) -> AsyncIterator[Store]:
        async with _postgres(database) as store:
            yield store


@define
class WithoutPromises:
    """A store that is told of no promise, so that every unit of work is a transaction."""

    store: Store

    def begin(self, *, once: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        return self.store.begin()

    def view(self, *, once: bool = False) -> AbstractAsyncContextManager[View]:
        return self.store.view()

    async def start(self) -> None:
        await self.store.start()

    async def aclose(self) -> None:
        await self.store.aclose()


@pytest.mark.again
class TestPostgresTransactions(TestPostgres):
    """The store in PostgreSQL, with a transaction around every call."""

    @pytest.fixture
    async def store(self, database: Secret) -> AsyncIterator[Store]:
        async with _postgres(database) as store:
            yield WithoutPromises(store)


@asynccontextmanager
async def _mongo(mongo: Mongo) -> AsyncIterator[Store]:
    # Ten thousand writes in one unit last long on a busy machine.
    # Making indexes is most of what a fresh database costs.
    store = mongo_at(await asyncio.to_thread(mongo.emptied), patience=60)
    await store.start()
    yield store
    await store.aclose()


_WITH_NUL = {
    "test_any_text_is_kept",
    "test_a_refund_is_read_as_it_was_written",
    "test_a_subscription_is_read_as_it_was_written",
}
"""The laws that look for a text with a NUL in it."""


class TestMongo(StoreContract):
    """The store in MongoDB, on the server that is given or the wheel's."""

    @pytest.fixture
    async def store(self, mongo: Mongo, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
        if mongo.name.startswith("nx") and request.node.name in _WITH_NUL:
            reason = "this server finds no text with a NUL in it"
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        async with _mongo(mongo) as store:
            yield store


@pytest.fixture
def few() -> Iterator[None]:
    """Try few times, whatever is asked for."""
    with few_times():
        yield


@pytest.mark.usefixtures("few")
@pytest.mark.again
class TestMongoFerret(StoreContract):
    """The store in MongoDB, on another server that keeps the protocol in its own way.

    All laws are tried on it, none with full counts: 2,000 facts at once take it minutes.
    """

    @pytest.fixture
    async def store(self, ferret: Mongo) -> AsyncIterator[Store]:
        async with _mongo(ferret) as store:
            yield store


@pytest.mark.usefixtures("few")
class TestMongoUnits(ClaimLaws, EndingLaws, LeaseLaws, ReservationLaws):
    """The store in MongoDB, with a unit that takes its turn around every call, few times."""

    @pytest.fixture
    async def store(self, ferret: Mongo) -> AsyncIterator[Store]:
        async with _mongo(ferret) as store:
            yield WithoutPromises(store)

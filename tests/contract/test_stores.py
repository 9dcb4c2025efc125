from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from attrs import define

from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.stores import StoreContract
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
        return MemoryStore()


class TestSqlite(StoreContract):
    """The store in a file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
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


class TestPostgresTransactions(TestPostgres):
    """The store in PostgreSQL, with a transaction around every call."""

    @pytest.fixture
    async def store(self, database: Secret) -> AsyncIterator[Store]:
        async with _postgres(database) as store:
            yield WithoutPromises(store)

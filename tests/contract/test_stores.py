from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.stores import StoreContract
from tillway.core.ports.store import Store
from tillway.core.secrets import Secret


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
        from tillway.adapters.stores.postgres import PostgresStore

        store = PostgresStore(database)
        await store.start()
        yield store
        await store.aclose()

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.stores import StoreContract
from tillway.core.ports.store import Store


def _store(kind: str, folder: Path) -> Store:
    return SqliteStore(folder / "tillway.db") if kind == "sqlite" else MemoryStore()


class TestStores(StoreContract):
    """The stores that come with Tillway."""

    @pytest.fixture(params=["memory", "sqlite"])
    async def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
        store = _store(request.param, tmp_path)
        await store.start()
        yield store
        await store.aclose()

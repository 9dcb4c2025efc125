"""The laws of stores, on what a factory gives."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tillway.core.contracts.kit.factories import Factory, store_named
from tillway.core.contracts.stores import StoreContract
from tillway.core.ports.store import Store

FACTORY: Final = pytest.StashKey[Factory[Store]]()
LAWS: Final = StoreContract.__bases__


def prepare(config: pytest.Config, name: str) -> Factory[Store]:
    """Find the factory, and let the fixture know it."""
    config.stash[FACTORY] = factory = store_named(name)
    return factory


@pytest_asyncio.fixture(loop_scope="function")
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Open a fresh store."""
    async with request.config.stash[FACTORY].opened(tmp_path) as store:
        yield store


FIXTURES: Final = {"store": store}

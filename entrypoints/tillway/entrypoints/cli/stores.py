"""The store of the settings, for commands that look into it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tillway.core.ports.store import Store


@asynccontextmanager
async def opened(file: Path | None) -> AsyncIterator[Store]:
    """Open the store, and close it. CannotStart for one that is seen only in its process."""
    from tillway.entrypoints.bootstrap import store_of
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.unopened import refuse_memory

    configured = load_config(file)
    refuse_memory(configured)
    store = store_of(configured)
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()

"""The store of the settings, for commands that look into it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tillway.core.ports.store import Store
from tillway.entrypoints.processes.failures import CannotStart


@asynccontextmanager
async def opened(file: Path | None) -> AsyncIterator[Store]:
    """Open the store, and close it. CannotStart for one that is seen only in its process."""
    from tillway.entrypoints.bootstrap import store_of
    from tillway.entrypoints.configuration import load_config
    from tillway.plugins.settings.storage import StorageSettings

    configured = load_config(file)
    if configured.settings.section(StorageSettings).backend == "memory":
        raise CannotStart("the memory store shows its contents to nobody outside its process")
    store = store_of(configured)
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()

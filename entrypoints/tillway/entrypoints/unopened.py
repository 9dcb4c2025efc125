"""Gateways for commands that open a part of one, beside others that run or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tillway.core.ports.rails import Starts
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.processes.failures import CannotStart
from tillway.plugins.settings.storage import StorageSettings


def refuse_memory(configured: Configured) -> None:
    """Raise CannotStart for a store that is seen only in its own process."""
    if configured.settings.section(StorageSettings).backend == "memory":
        raise CannotStart("the memory store shows its contents to nobody outside its process")


@asynccontextmanager
async def unopened(configured: Configured) -> AsyncIterator[Gateway]:
    """Give a gateway of which nothing is open; at the end all that was opened of it is closed."""
    gateway = create_app(configured, background=False)
    try:
        yield gateway
    finally:
        for rail in gateway.rails.all:
            if isinstance(rail, Starts):
                await rail.aclose()
        if gateway.sources is not None:
            await gateway.sources.aclose()
        await gateway.store.aclose()

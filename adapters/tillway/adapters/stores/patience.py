"""How long anybody waits for a store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tillway.core.errors import Code, Unavailable


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Give the body so long; Unavailable, and the body cancelled, if it takes longer."""
    timer = asyncio.timeout(seconds)
    try:
        async with timer:
            yield
    except TimeoutError as late:
        if timer.expired():
            raise busy() from late
        raise


def busy() -> Unavailable:
    """Say that others have kept the store from us for too long."""
    text = "The store is busy. Please try again."
    return Unavailable(Code.SERVICE_UNAVAILABLE, text, retry_after=1.0)

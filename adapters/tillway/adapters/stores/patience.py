"""How long anybody waits for a store, and what is waited for whatever comes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from tillway.core.errors import Code, Unavailable

T = TypeVar("T")


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


async def to_the_end(ending: Awaitable[T]) -> T:
    """Wait for an ending to the end; a cancellation meanwhile is heard of afterwards."""
    task, cancelled = asyncio.ensure_future(ending), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from task.exception()
    return task.result()

"""Waiting for what a test cannot be told of."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Ask every 10 ms until it holds; TimeoutError after that many seconds."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - other processes set no event here
            await asyncio.sleep(0.01)

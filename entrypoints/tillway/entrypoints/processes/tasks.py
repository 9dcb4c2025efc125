"""Waiting for tasks, and ending them."""

import asyncio
from typing import Any


async def first_of(work: "asyncio.Task[None]", event: asyncio.Event) -> None:
    """Wait for the end of the work or for the event, whichever comes first."""
    happened = asyncio.create_task(event.wait())
    await asyncio.wait({work, happened}, return_when=asyncio.FIRST_COMPLETED)
    await cancelled(happened)


async def cancelled(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait for its end, however it ends."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

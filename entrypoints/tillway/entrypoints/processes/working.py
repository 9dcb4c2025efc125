"""One process that does a gateway's background work and answers nobody."""

import asyncio
from collections.abc import Callable

from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.processes.answering import refuse_unreachable
from tillway.entrypoints.processes.signals import Told
from tillway.entrypoints.processes.tasks import cancelled, first_of


async def work_until_told(gateway: Gateway, told: Told, working: Callable[[], None]) -> None:
    """Open the gateway and work until told to stop; ``working`` is called once it does.

    Raises what opening raises, and CannotStart if a rail cannot be used.
    """
    opening = asyncio.create_task(_opened(gateway), name="open")
    await first_of(opening, told.stop)
    try:
        if opening.done():
            await opening
            working()
            await _work(gateway, told)
        else:
            await cancelled(opening)
    finally:
        await gateway.aclose()


async def _opened(gateway: Gateway) -> None:
    await gateway.open()
    await refuse_unreachable(gateway)


async def _work(gateway: Gateway, told: Told) -> None:
    tasks = [asyncio.create_task(work) for work in gateway.workers()]
    await told.stop.wait()
    for task in tasks:
        await cancelled(task)

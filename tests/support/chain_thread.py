"""A chain that is served from a thread of its own, for tests that do not run on a loop."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from attrs import frozen

from tillway.entrypoints.sandbox.chain import Chain, Served, serve_chain

T = TypeVar("T")


@frozen
class ThreadedChain:
    """The chain, where it is served, and the way to touch it: on its own loop only."""

    node: Served
    chain: Chain
    loop: asyncio.AbstractEventLoop
    over: asyncio.Event

    def do(self, work: Callable[[Chain], T]) -> T:
        """Run something on the chain's loop and give what it gives."""

        async def on_loop() -> T:
            return work(self.chain)

        return asyncio.run_coroutine_threadsafe(on_loop(), self.loop).result()


@contextmanager
def chain_in_thread() -> Iterator[ThreadedChain]:
    """Serve a chain on the wall's clock until the block ends."""
    ready: Future[ThreadedChain] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(ready)), name="chain")
    thread.start()
    served = ready.result()
    try:
        yield served
    finally:
        served.loop.call_soon_threadsafe(served.over.set)
        thread.join()


async def _serve(ready: "Future[ThreadedChain]") -> None:
    chain = Chain(clock=time.time, confirm_delay_ms=20)
    try:
        async with serve_chain(chain) as node:
            over = asyncio.Event()
            ready.set_result(ThreadedChain(node, chain, asyncio.get_running_loop(), over))
            await over.wait()
    except OSError as error:
        ready.set_exception(error)

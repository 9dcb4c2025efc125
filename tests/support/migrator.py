"""A process of its own that migrates a store, for tests that need several, or one that stops.

``python -m support.migrator PLACE [CALLS]``: it says ``ready``, begins when a line arrives, and
says each step that it has taken. With a number of calls it stops before that call of SQLite's
``execute``, says ``stopped``, and goes on at SIGCONT.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from support.store_places import store_at
from tillway.core.ports.upkeep import Migrates


def at_call(number: int, act: Callable[[], object]) -> None:
    """Act once, before that call of ``execute`` in threads that begin from here on."""
    left = number

    def profiled(_: FrameType, event: str, given: object) -> None:
        nonlocal left
        if event == "c_call" and getattr(given, "__name__", "") == "execute":
            left -= 1
            if left == 0:
                act()

    threading.setprofile(profiled)


def _stop() -> None:
    print("stopped", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


async def main(place: str, calls: str = "0") -> None:
    """Wait for the word, migrate."""
    store = store_at(place)
    assert isinstance(store, Migrates)
    print("ready", flush=True)
    # Not in a thread: one that was begun before would not be looked at.
    sys.stdin.readline()
    at_call(int(calls), _stop)
    await store.migrate(lambda step: print(step.version, flush=True))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

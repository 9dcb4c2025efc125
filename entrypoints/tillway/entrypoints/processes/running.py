"""Running an event loop in a process that people and supervisors can stop."""

import asyncio
import gc
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

T = TypeVar("T")

YOUNG_OBJECTS: Final = 10_000
"""New objects between two rounds of the garbage collector, of which Python makes one each 700.

Requests leave no cycles behind, so that looking for them all the time finds nothing: it took a
twentieth of a payment's CPU (`python -m tests.bench payments`).
"""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where there is one."""
    with _rare_collections():
        if sys.platform == "win32":
            return asyncio.run(work)
        import uvloop

        return uvloop.run(work)


@contextmanager
def _rare_collections() -> Iterator[None]:
    young, middle, old = gc.get_threshold()
    gc.set_threshold(max(young, YOUNG_OBJECTS), middle, old)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)

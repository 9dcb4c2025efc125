"""How often tests do something: few times, unless ``TILLWAY_TESTS=full`` asks for all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FULL: Final = os.environ.get("TILLWAY_TESTS") == "full"

_slow: list[None] = []


def count(few: int, full: int) -> int:
    """Give how often to do something: few times, or the full count when that is asked for."""
    return full if FULL and not _slow else few


@contextmanager
def few_times() -> Iterator[None]:
    """Have everything be done few times meanwhile, for what is too slow to be asked for more."""
    _slow.append(None)
    try:
        yield
    finally:
        _slow.pop()

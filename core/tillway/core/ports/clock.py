"""Time and chance, so that tests and the sandbox can set them."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Random = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""


class Clock(Protocol):
    """Tell the time, and wait."""

    def now(self) -> datetime:
        """Give the present, in UTC with zone."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock."""
        ...

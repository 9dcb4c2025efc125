"""A clock that runs many times faster than the wall's, for chains and for what waits on them."""

import asyncio
import time
from datetime import UTC, datetime

from attrs import define, field


@define
class QuickClock:
    """Let ``speed`` seconds pass in every second; as a call it gives unix seconds."""

    speed: float = 20.0
    _base: float = 1_800_000_000.0
    _began: float = field(factory=time.monotonic)

    def __call__(self) -> float:
        """Give the time in seconds since 1970."""
        return self._base + (time.monotonic() - self._began) * self.speed

    def now(self) -> datetime:
        """Give the time, in UTC with zone."""
        return datetime.fromtimestamp(self(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock; a jump does not wake who sleeps."""
        await asyncio.sleep(seconds / self.speed)

    def forward(self, seconds: float) -> None:
        """Jump; what already sleeps sleeps on."""
        self._base += seconds

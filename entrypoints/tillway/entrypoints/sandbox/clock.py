"""The sandbox's one clock: the machine's, moved forward on demand."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from attrs import define, field


@define
class VirtualClock:
    """Tells the machine's time and all that it was moved forward by. It never goes back."""

    ahead: timedelta = timedelta()
    _moved: asyncio.Event = field(factory=asyncio.Event, init=False)

    def now(self) -> datetime:
        """Give the present of the sandbox, in UTC."""
        return datetime.now(UTC) + self.ahead

    def seconds(self) -> float:
        """Give the present as seconds since 1970."""
        return self.now().timestamp()

    def forward(self, by: timedelta) -> None:
        """Move on and wake who sleeps. ValueError for less than nothing."""
        if by < timedelta():
            raise ValueError("time does not go back")
        self.ahead += by
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock shows that much more, however it gets there."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            moved = self._moved
            with suppress(TimeoutError):
                # wait_for of Python 3.11 loses a cancellation that comes with the event.
                async with asyncio.timeout(left):
                    await moved.wait()
        await asyncio.sleep(0)

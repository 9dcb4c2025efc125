"""A clock that stands still until it is told to move."""

from datetime import datetime, timedelta

from attrs import define

from tillway.core.contracts.samples import NOW


@define
class ManualClock:
    """Show a time; waiting moves it."""

    time: datetime = NOW

    def now(self) -> datetime:
        """Give the time that was set."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.move(seconds)

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)

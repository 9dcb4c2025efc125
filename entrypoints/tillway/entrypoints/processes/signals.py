"""Being told to stop."""

import asyncio
import os
import signal

from attrs import define, field

ORPHAN_SECONDS = 0.5
"""How often a process that must not outlive its parent looks for it."""


def survives_terminals() -> bool:
    """Tell whether this process was started so that it outlives its terminal, as by nohup."""
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@define(kw_only=True)
class Told:
    """What signals have said so far.

    ``stop`` after SIGTERM, SIGINT or SIGHUP: finish and leave. ``hurry`` after a second
    SIGINT, which is somebody at the keyboard: leave now. A ``lifeline`` is the reading end of
    a pipe, and its end means stop.
    """

    lifeline: int | None = None
    stop: asyncio.Event = field(factory=asyncio.Event, init=False)
    hurry: asyncio.Event = field(factory=asyncio.Event, init=False)

    def listen(self) -> None:
        """Hear from here on, in the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        if not survives_terminals():
            loop.add_signal_handler(signal.SIGHUP, self.stop.set)
        if self.lifeline is not None:
            loop.add_reader(self.lifeline, self._orphaned, self.lifeline)

    def _interrupted(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()

    def _orphaned(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)
        self.stop.set()

    async def follow(self, parent: int) -> None:
        """Stop when that process is no longer our parent. Runs until cancelled."""
        while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of a parent's death
            await asyncio.sleep(ORPHAN_SECONDS)
        self.stop.set()

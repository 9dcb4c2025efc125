"""Being told to stop, or to read afresh."""

import asyncio
import os
import signal
from collections.abc import Callable

from attrs import define, field

ORPHAN_SECONDS = 0.5
"""How often a process that must not outlive its parent looks for it."""


TERMINAL_SECONDS = 0.2
"""How long after a SIGHUP a terminal that has gone may still seem to be there."""


def has_terminal() -> bool:
    """Tell whether this process has a terminal that has not gone."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def survives_terminals() -> bool:
    """Tell whether this process was started so that it outlives its terminal, as by nohup."""
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@define(kw_only=True)
class Told:
    """What signals have said so far.

    ``stop`` after SIGTERM or SIGINT: finish and leave. ``hurry`` after a second SIGINT, which
    is somebody at the keyboard: leave now. A ``lifeline`` is the reading end of a pipe, and its
    end means stop.

    SIGHUP has two meanings: a terminal that goes takes what runs in it along, and somebody who
    sends it to a service wants ``refresh`` to be called. Without anything to refresh it means
    stop; with it, only if there was a terminal and it has gone.
    """

    lifeline: int | None = None
    refresh: Callable[[], None] | None = None
    stop: asyncio.Event = field(factory=asyncio.Event, init=False)
    hurry: asyncio.Event = field(factory=asyncio.Event, init=False)
    _leaves_with_terminal: bool = field(default=False, init=False)

    def listen(self) -> None:
        """Hear from here on, in the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        survives = survives_terminals()
        self._leaves_with_terminal = not survives and has_terminal()
        if not survives or self.refresh is not None:
            loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        if self.lifeline is not None:
            loop.add_reader(self.lifeline, self._orphaned, self.lifeline)

    def _interrupted(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()

    def _hung_up(self) -> None:
        if self.refresh is None:
            self.stop.set()
            return
        self.refresh()
        if self._leaves_with_terminal:
            asyncio.get_running_loop().call_later(TERMINAL_SECONDS, self._look_for_terminal)

    def _look_for_terminal(self) -> None:
        if not has_terminal():
            self.stop.set()

    def _orphaned(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)
        self.stop.set()

    async def follow(self, parent: int) -> None:
        """Stop when that process is no longer our parent. Runs until cancelled."""
        while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of a parent's death
            await asyncio.sleep(ORPHAN_SECONDS)
        self.stop.set()

"""Several processes that do the same work, and the parent that keeps them alive."""

import gc
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, Final, NoReturn

from attrs import define, field, frozen

from tillway.entrypoints.processes.signals import (
    TERMINAL_SECONDS,
    has_terminal,
    survives_terminals,
)

_log = logging.getLogger(__name__)

FIRST_WAIT: Final = 0.25
LONGEST_WAIT: Final = 15.0
"""Seconds before a child that died is replaced: doubled with each one that died young."""

OLD_ENOUGH: Final = 10.0
"""Seconds after which a child's death says nothing about the next one's chances."""

PATIENCE: Final = 20.0
"""Seconds that children have to leave: their drain, and some."""

_STOP: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@frozen(kw_only=True)
class Birth:
    """What a child is told when it begins.

    ``first`` is true of the very first child, before which nothing has worked yet. ``ready``
    is to be called once it does its work. ``lifeline`` is a pipe that ends with the parent.
    """

    first: bool
    ready: Callable[[], None]
    lifeline: int


Work = Callable[[Birth], int]
"""What a child does, from its beginning to its exit code. It raises nothing."""


@define(eq=False)
class _Child:
    pid: int
    born: float
    signs: int
    """The reading end of the pipe on which it says that it is ready."""
    ready: bool = False


@define(kw_only=True, eq=False)
class Parent:
    """Keep ``count`` children alive until told to stop, and pass a SIGHUP on to them.

    The first one is born alone: when it cannot begin, nothing is tried again and its exit code
    is ours. Afterwards one that dies is replaced, at once or, when several die young, after
    a pause that grows. ``on_all`` is called once all work, ``on_death`` with each dead pid.
    """

    count: int
    work: Work
    on_all: Callable[[], None]
    on_death: Callable[[int], None]
    _children: dict[int, _Child] = field(factory=dict, init=False)
    _births: list[float] = field(factory=list, init=False)
    """When children that are missing are due."""
    _young: int = field(default=0, init=False)
    """How many have died young, one after the other."""
    _told: bool = field(default=False, init=False)
    _hangups: int = field(default=0, init=False)
    """How often a SIGHUP has come that is not passed on yet."""
    _doubt: float | None = field(default=None, init=False)
    """When it shows whether the terminal has gone."""
    _hangup_before: Any = field(default=signal.SIG_DFL, init=False)
    _leaves_with_terminal: bool = field(default=False, init=False)
    _lifeline: tuple[int, int] = field(init=False)
    _wake: tuple[int, int] = field(init=False)

    def run(self) -> int:
        """Do it all, and give the exit code. Must be called where no other thread runs."""
        self._lifeline, self._wake = os.pipe(), os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        self._leaves_with_terminal = not survives_terminals() and has_terminal()
        before: dict[signal.Signals, Any] = {
            number: signal.signal(number, self._heard) for number in _STOP
        }
        self._hangup_before = signal.signal(signal.SIGHUP, self._hung_up)
        before[signal.SIGHUP] = self._hangup_before
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _note)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        gc.freeze()  # what is here now is shared with the children as long as nobody writes to it
        try:
            code = self._begin()
            return self._keep() if code is None else code
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in (*self._lifeline, *self._wake):
                os.close(end)

    def _heard(self, number: int, _: FrameType | None) -> None:
        self._told = True

    def _hung_up(self, number: int, _: FrameType | None) -> None:
        self._hangups += 1

    def _pass_on(self) -> None:
        """Tell working children of a SIGHUP; one that begins has nothing to read afresh.

        If it came because the terminal goes, that shows a moment later, and then it means stop.
        """
        if self._hangups:
            self._hangups = 0
            self._tell(signal.SIGHUP, self._working())
            self._doubt = (
                time.monotonic() + TERMINAL_SECONDS if self._leaves_with_terminal else None
            )
        if self._doubt is not None and self._doubt <= time.monotonic():
            self._doubt = None
            self._told = self._told or not has_terminal()

    def _working(self) -> Sequence[int]:
        return [child.pid for child in self._children.values() if child.ready]

    def _begin(self) -> int | None:
        """Wait for the first child; give its exit code if it ends before it works."""
        child = self._born(first=True)
        while not child.ready:
            self._sleep(self._doubt)
            self._pass_on()
            self._look_for_signs()
            ended = self._reaped()
            if ended:
                return 0 if self._told else ended[child.pid]
            if self._told:
                return self._leave()
        return None

    def _keep(self) -> int:
        self._births = [0.0] * (self.count - 1)
        unannounced = True
        while not self._told:
            for due in [each for each in self._births if each <= time.monotonic()]:
                self._births.remove(due)
                self._born(first=False)
            if unannounced and self._all_work():
                unannounced = False
                self.on_all()
            self._sleep(self._due())
            self._pass_on()
            self._look_for_signs()
            for pid, code in self._reaped().items():
                self._replace(pid, code)
        return self._leave()

    def _due(self) -> float | None:
        times = self._births if self._doubt is None else [*self._births, self._doubt]
        return min(times, default=None)

    def _all_work(self) -> bool:
        return not self._births and all(child.ready for child in self._children.values())

    def _replace(self, pid: int, code: int) -> None:
        if not self._told:
            wait = pause_after(self._young)
            why = f"by signal {-code}" if code < 0 else f"with {code}"
            _log.warning("process %d left %s; another one starts in %.1f s", pid, why, wait)
            self._births.append(time.monotonic() + wait)

    # Birth and death

    def _born(self, *, first: bool) -> _Child:
        signs, ready = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._live(signs, ready, first=first)
        os.close(ready)
        child = _Child(pid=pid, born=time.monotonic(), signs=signs)
        self._children[pid] = child
        return child

    def _live(self, signs: int, ready: int, *, first: bool) -> NoReturn:
        """Be the child. Never comes back: what the parent has to clean up is not ours."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_STOP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, self._hangup_before)
            for end in (signs, self._lifeline[1], *self._wake, *self._others()):
                os.close(end)
            birth = Birth(first=first, ready=lambda: _signed(ready), lifeline=self._lifeline[0])
            code = self.work(birth)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _others(self) -> Iterator[int]:
        return (child.signs for child in self._children.values())

    def _reaped(self) -> dict[int, int]:
        """Take leave of children that have ended, and give their exit codes by pid."""
        ended: dict[int, int] = {}
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                ended[pid] = os.waitstatus_to_exitcode(status)
                self._buried(child)
        return ended

    def _buried(self, child: _Child) -> None:
        del self._children[child.pid]
        os.close(child.signs)
        lived = time.monotonic() - child.born
        self._young = 0 if child.ready and lived >= OLD_ENOUGH else self._young + 1
        self.on_death(child.pid)

    def _leave(self) -> int:
        """Have all children finish; kill those that do not. Give the exit code."""
        self._tell(signal.SIGTERM, list(self._children))
        until = time.monotonic() + PATIENCE
        codes: list[int] = []
        while self._children and time.monotonic() < until:
            self._sleep(until)
            codes += self._reaped().values()
        self._tell(signal.SIGKILL, list(self._children))
        for child in list(self._children.values()):
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]))
            self._buried(child)
        return 0 if all(code in (0, -signal.SIGTERM) for code in codes) else 1

    def _tell(self, number: signal.Signals, pids: Sequence[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    # Waiting

    def _sleep(self, until: float | None) -> None:
        """Wait for a signal, a sign of a child, or that time."""
        ends = [
            self._wake[0],
            *(child.signs for child in self._children.values() if not child.ready),
        ]
        timeout = None if until is None else max(0.0, until - time.monotonic())
        select.select(ends, [], [], timeout)
        with suppress(BlockingIOError):
            os.read(self._wake[0], 4096)

    def _look_for_signs(self) -> None:
        waiting = {child.signs: child for child in self._children.values() if not child.ready}
        for end in select.select(list(waiting), [], [], 0)[0]:
            if os.read(end, 1):
                waiting[end].ready = True


def pause_after(young: int) -> float:
    """Give the seconds to wait when so many children, one after the other, have died young."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(young - 1, 16)) if young else 0.0


def _signed(end: int) -> None:
    os.write(end, b".")
    os.close(end)


def _note(number: int, _: FrameType | None) -> None:
    """Do nothing: that the signal wakes the parent is enough."""

"""What a process knows of the log's end: what was committed and may not be spread yet."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from attrs import define, field

from tillway.adapters.stores.mongo.driver import Database
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.log import Entry, Log, Trimmed
from tillway.adapters.stores.mongo.marks import position
from tillway.core.errors import Unavailable

_STALE: Final = 5.0
"""Seconds after which what was known is not built upon: others may have written a lot since."""


class Learns(Protocol):
    """A reader who has to hear of what is committed."""

    def learn(self, entry: Entry) -> None:
        """Hear of the next entry."""
        ...

    def lose(self) -> None:
        """Hear that entries were missed."""
        ...


@define(eq=False)
class Tail:
    """The entries that are not known to be spread, and those after them.

    Everything up to ``base`` is in the tables. ``head`` is the last position that is known.
    ``learning`` are the readers that are at it, ``told`` is called when something is new.
    """

    database: Database
    log: Log
    base: int = field(init=False, default=-1)
    entries: deque[Entry] = field(init=False, factory=deque)
    learning: set[Learns] = field(init=False, factory=set)
    told: Callable[[], None] | None = field(init=False, default=None)
    seen: float = field(init=False, default=0.0)
    _spread: set[int] = field(init=False, factory=set)
    _reading: "asyncio.Task[None] | None" = field(init=False, default=None)
    _next: "asyncio.Task[None] | None" = field(init=False, default=None)

    @property
    def head(self) -> int:
        """The last position that is known."""
        return self.base + len(self.entries)

    async def begin(self) -> None:
        """Know where the log is, unless it was looked at lately."""
        if self.base < 0 or time.monotonic() - self.seen > _STALE:
            await self.refresh()

    async def refresh(self) -> None:
        """Learn of everything that was committed before this call.

        Calls that wait for the same reading share it.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._read_after(self._reading))
            self._next.add_done_callback(_heard)
        try:
            await asyncio.shield(self._next)
        except Unavailable as failure:
            raise Unavailable(
                failure.code, failure.message, retry_after=failure.retry_after
            ) from failure

    def learn(self, entry: Entry) -> None:
        """Take an entry in, if it is the next, and tell whoever has to hear of it."""
        if entry.position != self.head + 1:
            return
        self.entries.append(entry)
        for each in list(self.learning):
            each.learn(entry)
        self.spread(entry.done)
        if self.told is not None:
            self.told()

    def spread(self, positions: Iterable[int]) -> None:
        """Take in that entries are in the tables."""
        self._spread.update(n for n in positions if n > self.base)
        while self.entries and self.entries[0].position in self._spread:
            self._spread.discard(self.entries.popleft().position)
            self.base += 1

    def unspread(self) -> list[Entry]:
        """Give the entries that are not known to be in the tables."""
        return [entry for entry in self.entries if entry.position not in self._spread]

    async def _read_after(self, previous: "asyncio.Task[None] | None") -> None:
        if previous is not None:
            await asyncio.wait([previous])
        self._reading, self._next = self._next, None
        is_stale = time.monotonic() - self.seen > _STALE
        if self.base < 0 or (is_stale and not self.learning):
            await self._catch_up()
        try:
            found = await self.log.after(self.head)
        except Trimmed:
            await self._catch_up()
            found = await self._after_mark()
        for entry in found:
            self.learn(entry)
        self.seen = time.monotonic()

    async def _catch_up(self) -> None:
        """Begin anew where everything is known to be spread, if that is further than we are."""
        mark = await position(self.database, "applied")
        if mark > self.head:
            self.base = mark
            self.entries.clear()
            self._spread.clear()
            for each in list(self.learning):
                each.lose()

    async def _after_mark(self) -> list[Entry]:
        try:
            return await self.log.after(self.head)
        except Trimmed as error:
            raise unavailable("has lost a part of its log") from error


def _heard(task: "asyncio.Task[None]") -> None:
    """Look at how a reading ended, also if nobody waits for it any more."""
    if not task.cancelled():
        task.exception()

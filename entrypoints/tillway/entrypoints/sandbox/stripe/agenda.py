"""What is to happen by the clock."""

import heapq
import itertools
from collections.abc import Iterator

from attrs import define, field

Due = tuple[int, int, str, str]
"""When, the how-manieth, what, and to which object."""


@define(eq=False)
class Agenda:
    """Tasks by time. Those of one moment come in the order in which they were noted.

    An entry is a reminder only: whoever does it looks whether there still is something to do.
    """

    entries: list[Due] = field(factory=list)
    _numbers: Iterator[int] = field(factory=itertools.count, init=False)

    def __attrs_post_init__(self) -> None:
        """Go on numbering after what was kept."""
        heapq.heapify(self.entries)
        last = max((number for _, number, _, _ in self.entries), default=-1)
        self._numbers = itertools.count(last + 1)

    def note(self, at: int, task: str, id: str) -> None:  # noqa: A002  # Stripe's word
        """Remember a task."""
        heapq.heappush(self.entries, (at, next(self._numbers), task, id))

    def due(self, now: int) -> Due | None:
        """Take the next task whose time has come."""
        if not self.entries or self.entries[0][0] > now:
            return None
        return heapq.heappop(self.entries)

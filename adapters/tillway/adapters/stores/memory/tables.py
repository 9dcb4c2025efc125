"""Tables in memory. They answer at once, without passing the turn on to other tasks."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Generic

from attrs import define, field

from tillway.adapters.stores.layered.kinds import Key, Kind, R, Rank
from tillway.adapters.stores.layered.layers import Span

Place = tuple[str, Key]


@define(eq=False)
class MemoryTable(Generic[R]):
    """What is committed: rows by their key, and the orders in which they are read."""

    kind: Kind[R]
    rows: dict[Key, R] = field(factory=dict)
    _ranks: dict[Place, list[Rank]] = field(factory=dict)

    async def get(self, key: Key) -> R | None:
        """Give the row with this key."""
        return self.rows.get(key)

    async def several(self, keys: Sequence[Key]) -> Mapping[Key, R]:
        """Give the rows with these keys, as far as there are any."""
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def scan(self, order: str, group: Key, span: Span) -> Sequence[R]:
        """Give a group's rows in their order."""
        ranks, size = self._ranks.get((order, group), []), len(self.kind.key)
        start = 0 if span.since is None else bisect_left(ranks, span.since)
        end = len(ranks) if span.below is None else bisect_left(ranks, span.below)
        places = range(end - 1, start - 1, -1) if span.backwards else range(start, end)
        return [self.rows[ranks[n][-size:]] for n in islice(places, span.limit)]

    def write(self, key: Key, row: R | None) -> None:
        """Put a row in place of the one with its key, or take that one out."""
        old = self.rows.pop(key, None)
        if old is not None:
            self._unlist(old)
        if row is not None:
            self.rows[key] = row
            self._list(row)

    def _list(self, row: R) -> None:
        for place, rank in self._places(row):
            insort(self._ranks.setdefault(place, []), rank)

    def _unlist(self, row: R) -> None:
        for place, rank in self._places(row):
            ranks = self._ranks[place]
            del ranks[bisect_left(ranks, rank)]
            if not ranks:
                del self._ranks[place]

    def _places(self, row: R) -> Iterator[tuple[Place, Rank]]:
        for name, order in self.kind.orders.items():
            group = order.group_of(row)
            if group is not None:
                yield (name, group), self.kind.rank_of(name, row)

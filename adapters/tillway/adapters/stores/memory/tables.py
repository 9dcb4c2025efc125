"""Tables with orders, and layers over them that make changes private until they are committed."""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator, Mapping
from heapq import merge
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from tillway.core.errors import Code, Unavailable

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
Rank = tuple[Any, ...]
Entry = tuple[Rank, K]


@frozen
class Order(Generic[R]):
    """Rows that share a group, by rank, ascending. A row whose group is None is left out."""

    group: Callable[[R], Hashable | None]
    rank: Callable[[R], Rank]


@define
class Table(Generic[K, R]):
    """What is committed: rows by their key, and the orders in which they are read."""

    orders: Mapping[str, Order[R]]
    rows: dict[K, R] = field(factory=dict)
    _lists: dict[tuple[str, Hashable], list[Entry[K]]] = field(factory=dict)

    def entries(self, order: str, group: Hashable) -> list[Entry[K]]:
        """Give the ranks and keys of a group, ascending."""
        return self._lists.get((order, group), [])

    def write(self, key: K, row: R | None) -> None:
        """Put a row in place of the one with its key, or take that one out."""
        old = self.rows.pop(key, None)
        if old is not None:
            self._unlist(key, old)
        if row is not None:
            self.rows[key] = row
            self._list(key, row)

    def _list(self, key: K, row: R) -> None:
        for place, rank in self._places(row):
            insort(self._lists.setdefault(place, []), (rank, key))

    def _unlist(self, key: K, row: R) -> None:
        for place, rank in self._places(row):
            entries = self._lists[place]
            del entries[bisect_left(entries, (rank, key))]
            if not entries:
                del self._lists[place]

    def _places(self, row: R) -> Iterator[tuple[tuple[str, Hashable], Rank]]:
        for name, order in self.orders.items():
            group = order.group(row)
            if group is not None:
                yield (name, group), order.rank(row)


@define(eq=False)
class Layer(Generic[K, R]):
    """A table as one reader sees it: its own version of some rows over the committed ones.

    A unit of work keeps its changes here. A view keeps here what others have changed since it
    was opened, as it was before.
    """

    table: Table[K, R]
    own: dict[K, R | None] = field(factory=dict)

    def get(self, key: K) -> R | None:
        """Give the row with this key."""
        return self.own[key] if key in self.own else self.table.rows.get(key)

    def put(self, key: K, row: R | None) -> None:
        """Change a row for this layer; None takes it out."""
        self.own[key] = row

    def scan(
        self, order: str, group: Hashable, *, below: Rank | None = None, backwards: bool = False
    ) -> Iterator[R]:
        """Give a group's rows by rank; with ``below``, only those that rank before it."""
        committed = self.table.entries(order, group)
        end = len(committed) if below is None else bisect_left(committed, (below,))
        places = range(end - 1, -1, -1) if backwards else range(end)
        theirs = (committed[n] for n in places if committed[n][1] not in self.own)
        ours = sorted(self._own_entries(order, group, below), reverse=backwards)
        for _, key in merge(theirs, ours, reverse=backwards):
            row = self.get(key)
            if row is not None:
                yield row

    def _own_entries(self, name: str, group: Hashable, below: Rank | None) -> Iterator[Entry[K]]:
        order = self.table.orders[name]
        for key, row in self.own.items():
            if row is not None and order.group(row) == group:
                rank = order.rank(row)
                if below is None or rank < below:
                    yield rank, key

    def preserve(self, changed: "Layer[K, R]") -> None:
        """Keep what another layer is about to change as it is now."""
        for key in changed.own:
            self.own.setdefault(key, self.table.rows.get(key))

    def commit(self) -> None:
        """Write this layer's rows to the table."""
        for key, row in self.own.items():
            self.table.write(key, row)

    def refuse_beyond(self, capacity: int) -> None:
        """Raise Unavailable if committing this layer would fill the table past its capacity."""
        rows = self.table.rows
        added = sum(row is not None and key not in rows for key, row in self.own.items())
        if added and len(rows) + added > capacity:
            text = "The store in memory is full."
            raise Unavailable(Code.SERVICE_UNAVAILABLE, text, retry_after=60.0)

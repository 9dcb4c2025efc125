"""Layers over tables, which make changes private until they are committed."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import define, evolve, field, frozen

from tillway.adapters.stores.layered.kinds import Key, Kind, R, Rank
from tillway.adapters.stores.limits import checked

T = TypeVar("T")


@frozen(kw_only=True)
class Span:
    """A part of a group: ranks from ``since`` on that are less than ``below``.

    Ranks may be given in part: those that begin with ``since`` are in, with ``below`` are not.
    ``backwards`` begins at the end; ``limit`` is the most rows from where it begins.
    """

    since: Rank | None = None
    below: Rank | None = None
    backwards: bool = False
    limit: int | None = None

    def has(self, rank: Rank) -> bool:
        """Tell whether a rank is within."""
        after = self.since is None or rank >= self.since
        return after and (self.below is None or rank < self.below)


class Table(Protocol[R]):
    """Rows as they are committed, at one moment."""

    @property
    def kind(self) -> Kind[R]:
        """What rows these are."""
        ...

    async def get(self, key: Key) -> R | None:
        """Give the row with this key."""
        ...

    async def several(self, keys: Sequence[Key]) -> Mapping[Key, R]:
        """Give the rows with these keys, as far as there are any."""
        ...

    async def scan(self, order: str, group: Key, span: Span) -> Sequence[R]:
        """Give a group's rows in their order."""
        ...


@define(eq=False)
class Layer(Generic[R]):
    """A table as one reader sees it: its own version of some rows over the table's.

    A unit of work keeps its changes here. A view keeps here what others have changed since it
    was opened, as it was before.
    """

    table: Table[R]
    own: dict[Key, R | None] = field(factory=dict)

    async def get(self, *key: str) -> R | None:
        """Give the row with this key."""
        return self.own[key] if key in self.own else await self.table.get(key)

    async def several(self, keys: Iterable[Key]) -> dict[Key, R]:
        """Give the rows with these keys, as far as there are any."""
        wanted = list(keys)
        theirs = [key for key in wanted if key not in self.own]
        found = dict(await self.table.several(theirs)) if theirs else {}
        ours = ((key, self.own.get(key)) for key in wanted)
        return found | {key: row for key, row in ours if row is not None}

    def put(self, row: R) -> None:
        """Put a row in place of the one with its key, or beside the others."""
        self.own[self.table.kind.key_of(row)] = row

    def remove(self, *key: str) -> None:
        """Take the row with this key out."""
        self.own[key] = None

    async def first(self, order: str, *group: str, backwards: bool = False) -> R | None:
        """Give a group's first row, or its last."""
        rows = await self.scan(order, *group, backwards=backwards, limit=1)
        return rows[0] if rows else None

    async def scan(
        self,
        order: str,
        *group: str,
        since: Rank | None = None,
        below: Rank | None = None,
        backwards: bool = False,
        limit: int | None = None,
    ) -> list[R]:
        """Give a group's rows in their order: see ``Span``. ValueError for a negative limit."""
        limit = None if limit is None else checked(limit)
        span = Span(since=since, below=below, backwards=backwards, limit=limit)
        return await self.part(order, group, span)

    async def part(self, order: str, group: Key, span: Span) -> list[R]:
        """Give a part of a group in its order."""
        # Of those that the table gives, as many as we have may not count.
        more = None if span.limit is None else span.limit + len(self.own)
        rows = await self.table.scan(order, group, evolve(span, limit=more))
        return overlaid(self.table.kind, rows, self.own, order, group, span)


@define(eq=False)
class Stacked(Generic[R]):
    """A layer as a table for another one over it."""

    layer: Layer[R]

    @property
    def kind(self) -> Kind[R]:
        """What rows these are."""
        return self.layer.table.kind

    async def get(self, key: Key) -> R | None:
        """Give the row with this key."""
        return await self.layer.get(*key)

    async def several(self, keys: Sequence[Key]) -> Mapping[Key, R]:
        """Give the rows with these keys, as far as there are any."""
        return await self.layer.several(keys)

    async def scan(self, order: str, group: Key, span: Span) -> Sequence[R]:
        """Give a group's rows in their order."""
        return await self.layer.part(order, group, span)


def overlaid(
    kind: Kind[R],
    rows: Sequence[R],
    own: Mapping[Key, R | None],
    order: str,
    group: Key,
    span: Span,
) -> list[R]:
    """Give rows that were scanned, with others in the place of those that have their keys."""
    if not own:
        return list(rows[: span.limit])
    theirs = [row for row in rows if kind.key_of(row) not in own]
    ours = list(_within(kind, own, order, group, span))
    if ours:
        theirs = sorted(
            theirs + ours, key=lambda row: kind.rank_of(order, row), reverse=span.backwards
        )
    return theirs[: span.limit]


def _within(
    kind: Kind[R], own: Mapping[Key, R | None], name: str, group: Key, span: Span
) -> Iterator[R]:
    order = kind.orders[name]
    rows = (row for row in own.values() if row is not None)
    for row in rows:
        if order.group_of(row) == group and span.has(kind.rank_of(name, row)):
            yield row


@define(eq=False)
class Layers:
    """One sight of everything: a layer over each table."""

    each: Mapping[str, Layer[Any]]

    def __getitem__(self, kind: Kind[R]) -> Layer[R]:
        """Give the layer over the rows of a kind."""
        return self.each[kind.name]


Work = Callable[[Layers], Awaitable[T]]


class Session(Protocol):
    """What repositories do their work in."""

    async def read(self, work: Work[T]) -> T:
        """Do work that reads."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Do work that reads and writes, perhaps several times; RuntimeError in a view."""
        ...

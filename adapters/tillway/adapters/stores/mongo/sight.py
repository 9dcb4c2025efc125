"""One reader's sight of everything: the tables, corrected by what the log says.

The tables may lag behind the log, and run ahead of a reader who has to see one moment. Whatever
they show of an entry, that entry was in the log before; so whoever looks at the log after the
tables knows which rows may be of another moment, and has them from the log.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic

from attrs import define, evolve, field

from tillway.adapters.stores.layered.kinds import KINDS, Key, Kind, R
from tillway.adapters.stores.layered.layers import Layer, Layers, Span, overlaid
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.loader import Loader
from tillway.adapters.stores.mongo.log import Changes, Entry
from tillway.adapters.stores.mongo.tail import Tail

Rows = dict[Key, Any]


@define(eq=False)
class Sight:
    """A sight of the log's head, which moves on with it until it is ``fixed``.

    ``later`` are the changes after that. ``known`` has the rows whose state at that moment the log
    has told, ``kept`` and ``answers`` what the tables said. A sight that is ``checked`` is fixed by
    its first reading, and looks at the log wherever the tables may be ahead of it; another one
    leaves that to whoever commits what was decided with it.
    """

    tail: Tail
    loader: Loader
    checked: bool
    fixed: bool = field(init=False, default=False)
    position: int = field(init=False, default=-1)
    later: list[Changes] = field(init=False, factory=list)
    lost: bool = field(init=False, default=False)
    known: dict[str, Rows] = field(init=False)
    kept: dict[str, Rows] = field(init=False)
    answers: dict[Hashable, Sequence[Any]] = field(init=False, factory=dict)
    gets: dict[str, set[Key]] = field(init=False)
    scans: dict[str, set[tuple[str, Key]]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with what is committed and may not be in the tables yet."""
        self.known = {kind.name: {} for kind in KINDS}
        self.kept = {kind.name: {} for kind in KINDS}
        self.gets = {kind.name: set() for kind in KINDS}
        self.scans = {kind.name: set() for kind in KINDS}
        for entry in self.tail.entries:
            self.learn(entry)

    @contextmanager
    def open(self) -> Iterator["Sight"]:
        """Hear of what is committed from now on."""
        self.tail.learning.add(self)
        try:
            yield self
        finally:
            self.tail.learning.discard(self)

    def layers(self) -> Layers:
        """Give layers over everything."""
        return Layers({kind.name: Layer(SightTable(kind, self)) for kind in KINDS})

    def learn(self, entry: Entry) -> None:
        """Take an entry in: as it leaves things, or once the position is fixed, found them."""
        for name, rows in entry.changes.items():
            for key, (before, after) in rows.items():
                if self.fixed:
                    self.known[name].setdefault(key, before)
                else:
                    self.known[name][key] = after
        if self.fixed:
            self.later.append(entry.changes)

    def lose(self) -> None:
        """Have missed entries."""
        self.lost = True

    async def settle(self) -> None:
        """See to it that what was read is of the position, or corrected by what is known."""
        if self.checked:
            await self.tail.refresh()
            if not self.fixed:
                self.fixed, self.position = True, self.tail.head
        if self.lost:
            raise unavailable("has moved on too far since")

    def is_touched(self, changes: Changes) -> bool:
        """Tell whether changes touch what was read."""
        return any(self._is_touched(kind, changes.get(kind.name, {})) for kind in KINDS)

    def _is_touched(self, kind: Kind[Any], rows: Mapping[Key, tuple[Any, Any]]) -> bool:
        if not rows:
            return False
        if not self.gets[kind.name].isdisjoint(rows):
            return True
        scanned = self.scans[kind.name]
        orders = {name: kind.orders[name] for name, _ in scanned}
        return any(
            row is not None and (name, order.group_of(row)) in scanned
            for pair in rows.values()
            for row in pair
            for name, order in orders.items()
        )


@define(eq=False)
class SightTable(Generic[R]):
    """A table as it is in a sight."""

    kind: Kind[R]
    sight: Sight

    async def get(self, key: Key) -> R | None:
        """Give the row with this key."""
        return (await self.several([key])).get(key)

    async def several(self, keys: Sequence[Key]) -> Mapping[Key, R]:
        """Give the rows with these keys, as far as there are any."""
        sight, name = self.sight, self.kind.name
        known, kept = sight.known[name], sight.kept[name]
        sight.gets[name].update(keys)
        asked = [key for key in keys if key not in kept and not (sight.fixed and key in known)]
        newest = -1
        if asked:
            found = await sight.loader.several(self.kind, asked)
            kept |= {key: found[key][1] if key in found else None for key in asked}
            newest = max((n for n, _ in found.values()), default=-1)
        # A row tells from which entry it is: what is older than the position needs no correction.
        if not sight.fixed or newest > sight.position:
            await sight.settle()
        rows = {key: known[key] if key in known else kept[key] for key in keys}
        return {key: row for key, row in rows.items() if row is not None}

    async def scan(self, order: str, group: Key, span: Span) -> Sequence[R]:
        """Give a group's rows in their order."""
        sight, name = self.sight, self.kind.name
        sight.scans[name].add((order, group))
        whole = span.since is None and span.below is None
        if self.kind.orders[order].unique and whole:
            return await self._corrected(order, group, span, await self._only(order, group))
        more = 0
        while True:
            more += 8 + len(sight.known[name])
            wanted = None if span.limit is None else span.limit + more
            rows = await self._scanned(order, group, evolve(span, limit=wanted))
            corrected = await self._corrected(order, group, span, rows)
            sound = sum(self.kind.key_of(row) not in sight.known[name] for row in rows)
            if wanted is None or span.limit is None or len(rows) < wanted or sound >= span.limit:
                return corrected

    async def _only(self, order: str, group: Key) -> Sequence[R]:
        loader = self.sight.loader
        return await self._answered((order, group), lambda: loader.only(self.kind, order, group))

    async def _scanned(self, order: str, group: Key, span: Span) -> Sequence[R]:
        loader = self.sight.loader
        return await self._answered(
            (order, group, span), lambda: loader.scan(self.kind, order, group, span)
        )

    async def _answered(
        self, what: Hashable, ask: Callable[[], Awaitable[Sequence[R]]]
    ) -> Sequence[R]:
        """Ask, unless the answer is kept."""
        place, answers = (self.kind.name, what), self.sight.answers
        if place not in answers:
            answers[place] = await ask()
        return answers[place]

    async def _corrected(
        self, order: str, group: Key, span: Span, rows: Sequence[R]
    ) -> Sequence[R]:
        await self.sight.settle()
        known = self.sight.known[self.kind.name]
        return overlaid(self.kind, rows, known, order, group, span)

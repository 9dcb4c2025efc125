"""The store in memory and its units of work."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from attrs import define, field

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.layered.kinds import KINDS, PAYMENTS
from tillway.adapters.stores.layered.layers import Layer, Layers, Work
from tillway.adapters.stores.layered.unit import LayeredUnit
from tillway.adapters.stores.memory.tables import MemoryTable
from tillway.adapters.stores.patience import within
from tillway.adapters.stores.units import Standing
from tillway.core.assets import BUILT_IN, Assets
from tillway.core.errors import Code, Unavailable

T = TypeVar("T")


@define(eq=False)
class _Unit(Standing):
    """A unit of work, with its own changes."""

    layers: Layers

    async def read(self, work: Work[T]) -> T:
        with self.operating():
            return await work(self.layers)

    async def write(self, work: Work[T]) -> T:
        return await self.read(work)


@define(eq=False)
class _View(Standing):
    """A view, with what has been changed since it was opened, as it was before."""

    layers: Layers

    async def read(self, work: Work[T]) -> T:
        if self.over:
            raise RuntimeError("this view has ended")
        return await work(self.layers)

    async def write(self, work: Work[T]) -> T:
        raise RuntimeError("a view is for reading only")


@define(eq=False)
class MemoryStore:
    """A store for one process, in which everything is lost with it.

    Units of work run one after the other, each seeing only what is committed and its own
    changes; views see what was committed when they were opened. ``capacity`` is the most rows
    of one kind; what would pass it is refused as Unavailable, but for the ends of payments: their
    money has moved. So nothing is claimed once rows of any kind have passed it. A unit that
    waits or lasts longer than ``patience`` seconds is given up as Unavailable.
    """

    assets: Assets = BUILT_IN
    capacity: int = field(default=500_000, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    _tables: Mapping[str, MemoryTable[Any]] = field(init=False)
    _views: set[_View] = field(init=False, factory=set)
    _turn: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _codec: Codec = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the conversions and empty tables."""
        self._codec = Codec(assets=self.assets)
        self._tables = {kind.name: MemoryTable(kind) for kind in KINDS}

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a unit of work: committed on leaving, rolled back on an exception."""
        async with within(self.patience):
            await self._turn.acquire()
        unit = _Unit(self._layers())
        try:
            async with within(self.patience):
                yield LayeredUnit.over(unit, self._codec)
            if unit.spoiled is not None:
                raise unit.spoiled
            self._commit(unit.layers)
        finally:
            unit.over = True
            self._turn.release()

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a consistent view for reading; it never waits for writers."""
        view = _View(self._layers())
        self._views.add(view)
        try:
            yield LayeredUnit.over(view, self._codec)
        finally:
            view.over = True
            self._views.discard(view)

    async def start(self) -> None:
        """Do nothing: there is no place to open."""

    async def aclose(self) -> None:
        """Do nothing: what was written stays until the process ends."""

    def _layers(self) -> Layers:
        return Layers({name: Layer(table) for name, table in self._tables.items()})

    def _commit(self, layers: Layers) -> None:
        # Nothing here awaits, so that no reader sees a part of it.
        changed = [(self._tables[name], layer.own) for name, layer in layers.each.items()]
        self._refuse_without_room(layers)
        for view in self._views:
            for table, own in changed:
                _preserve(view.layers[table.kind], table, own)
        for table, own in changed:
            for key, row in own.items():
                table.write(key, row)

    def _refuse_without_room(self, layers: Layers) -> None:
        """Raise Unavailable if these changes take room that there is not."""
        claims = layers[PAYMENTS].own
        if claims and not _added(self._tables[PAYMENTS.name], claims):
            return
        full = any(
            # What is claimed brings rows of other kinds as well, later.
            (claims or added) and len(table.rows) + added > self.capacity
            for name, table in self._tables.items()
            for added in [_added(table, layers.each[name].own)]
        )
        if full:
            text = "The store in memory is full."
            raise Unavailable(Code.SERVICE_UNAVAILABLE, text, retry_after=60.0)


def _preserve(kept: Layer[Any], table: MemoryTable[Any], own: Mapping[Any, Any]) -> None:
    """Keep what is about to be changed as it is now."""
    for key in own:
        kept.own.setdefault(key, table.rows.get(key))


def _added(table: MemoryTable[Any], own: Mapping[Any, Any]) -> int:
    """Tell how many rows more a table would have."""
    return sum(row is not None and key not in table.rows for key, row in own.items())

"""The store in memory and its units of work."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from attrs import define, field, frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.memory.catalogue import (
    MemoryCoupons,
    MemoryProducts,
    MemoryQuoteKeys,
)
from tillway.adapters.stores.memory.layers import Layers
from tillway.adapters.stores.memory.payments import (
    MemoryEvents,
    MemoryPayments,
    MemoryTallies,
)
from tillway.adapters.stores.patience import within
from tillway.core.assets import BUILT_IN, Assets


@frozen(kw_only=True)
class MemoryUnit:
    """The repositories over one sight of the store."""

    payments: MemoryPayments
    tallies: MemoryTallies
    events: MemoryEvents
    products: MemoryProducts
    coupons: MemoryCoupons
    quote_keys: MemoryQuoteKeys


@define(eq=False)
class MemoryStore:
    """A store for one process, in which everything is lost with it.

    Units of work run one after the other, each seeing only what is committed and its own
    changes; views see what was committed when they were opened. ``capacity`` is the most rows
    of one kind; what would pass it is refused as Unavailable. A unit that waits or lasts
    longer than ``patience`` seconds is given up as Unavailable.
    """

    assets: Assets = BUILT_IN
    capacity: int = field(default=500_000, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    _committed: Layers = field(init=False, factory=lambda: Layers(writable=False))
    _views: set[Layers] = field(init=False, factory=set)
    _turn: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _codec: Codec = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the conversions."""
        self._codec = Codec(assets=self.assets)

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[MemoryUnit]:
        """Open a unit of work: committed on leaving, rolled back on an exception."""
        async with within(self.patience):
            await self._turn.acquire()
        try:
            with self._opened(writable=True) as layers:
                async with within(self.patience):
                    yield self._unit(layers)
                self._commit(layers)
        finally:
            self._turn.release()

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[MemoryUnit]:
        """Open a consistent view for reading; it never waits for writers."""
        with self._opened(writable=False) as layers:
            self._views.add(layers)
            try:
                yield self._unit(layers)
            finally:
                self._views.discard(layers)

    async def start(self) -> None:
        """Do nothing: there is no place to open."""

    async def aclose(self) -> None:
        """Do nothing: what was written stays until the process ends."""

    @contextmanager
    def _opened(self, *, writable: bool) -> Iterator[Layers]:
        layers = self._committed.opened(writable=writable)
        try:
            yield layers
        finally:
            layers.over = True

    def _commit(self, layers: Layers) -> None:
        if layers.spoiled is not None:
            raise layers.spoiled
        # Nothing below awaits, so that no reader sees a part of it.
        for layer in layers.each():
            layer.refuse_beyond(self.capacity)
        for view in self._views:
            for kept, changed in zip(view.each(), layers.each(), strict=True):
                kept.preserve(changed)
        for layer in layers.each():
            layer.commit()

    def _unit(self, layers: Layers) -> MemoryUnit:
        return MemoryUnit(
            payments=MemoryPayments(layers, self._codec),
            tallies=MemoryTallies(layers),
            events=MemoryEvents(layers, self._codec),
            products=MemoryProducts(layers, self._codec),
            coupons=MemoryCoupons(layers, self._codec),
            quote_keys=MemoryQuoteKeys(layers),
        )

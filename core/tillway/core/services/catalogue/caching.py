"""Answers kept for a while, so that a busy gateway asks its store once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from attrs import define, field, frozen

from tillway.core.ports.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@frozen
class _Kept(Generic[V]):
    value: V
    until: datetime


@define(kw_only=True)
class Cache(Generic[K, V]):
    """Keep what ``load`` gives for ``ttl`` from the moment it was asked; zero keeps nothing.

    Callers that ask for one key at once share one load, and its error, which is not kept. At
    most ``capacity`` answers are kept, and apart from them ``absent_capacity`` answers None, so
    that nobody can push real answers out with keys that do not exist; the least recently used
    go first.
    """

    load: Callable[[K], Awaitable[V]]
    clock: Clock
    ttl: timedelta
    capacity: int = 10_000
    absent_capacity: int = 1_000
    _present: OrderedDict[K, _Kept[V]] = field(factory=OrderedDict, init=False)
    _absent: OrderedDict[K, _Kept[V]] = field(factory=OrderedDict, init=False)
    _loading: dict[K, asyncio.Task[V]] = field(factory=dict, init=False)

    async def get(self, key: K) -> V:
        """Give the answer for a key, not older than ``ttl``."""
        kept = self._fresh(self._present, key) or self._fresh(self._absent, key)
        if kept is not None:
            return kept.value
        loading = self._loading.get(key) or self._begun(key)
        # A caller that leaves takes nothing away from those who wait with it.
        return await asyncio.shield(loading)

    def clear(self) -> None:
        """Forget everything, what is just being loaded included."""
        self._present.clear()
        self._absent.clear()
        self._loading.clear()

    def _fresh(self, shelf: OrderedDict[K, _Kept[V]], key: K) -> _Kept[V] | None:
        kept = shelf.get(key)
        if kept is None:
            return None
        if self.clock.now() >= kept.until:
            del shelf[key]
            return None
        shelf.move_to_end(key)
        return kept

    def _begun(self, key: K) -> asyncio.Task[V]:
        until = self.clock.now() + self.ttl
        task = asyncio.ensure_future(_awaited(self.load(key)))
        self._loading[key] = task
        task.add_done_callback(lambda done: self._ended(key, until, done))
        return task

    def _ended(self, key: K, until: datetime, done: asyncio.Task[V]) -> None:
        loaded = not done.cancelled() and done.exception() is None
        if self._loading.get(key) is not done:
            return
        del self._loading[key]
        if loaded and self.ttl:
            self._keep(key, _Kept(done.result(), until))

    def _keep(self, key: K, kept: _Kept[V]) -> None:
        absent = kept.value is None
        shelf = self._absent if absent else self._present
        shelf[key] = kept
        if len(shelf) > (self.absent_capacity if absent else self.capacity):
            shelf.popitem(last=False)


async def _awaited(answer: Awaitable[V]) -> V:
    return await answer

"""A store that takes only a few events out of its inbox at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from attrs import define, frozen

from support.around import StoreAround
from tillway.core.errors import Unavailable


@frozen
class _Inbox:
    inbox: Any
    most: int

    async def purge(self, before: datetime, limit: int) -> int:
        if limit > self.most:
            raise Unavailable
        purged: int = await self.inbox.purge(before, limit)
        return purged

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inbox, name)


@frozen
class _Unit:
    unit: Any
    most: int

    @property
    def inbox(self) -> _Inbox:
        return _Inbox(self.unit.inbox, self.most)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unit, name)


@define(eq=False)
class PickyStore(StoreAround):
    """The store inside, whose inbox is purged of no more than ``most`` events at once."""

    most: int

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[Any]:
        """Open a unit of work."""
        async with self.store.begin(once=once) as unit:
            yield _Unit(unit, self.most)

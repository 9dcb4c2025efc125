"""Whose turn it is, of all processes, to run a unit of several calls.

A unit that does not get its turn in time goes ahead without: the log decides who was first, and
turns only keep units from being decided in vain.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from attrs import define, field

from tillway.adapters.stores.mongo.driver import Database
from tillway.adapters.stores.mongo.marks import pass_turn, pause, take_turn
from tillway.core.errors import Unavailable

_LEASE: Final = 0.5
"""Seconds: others wait as long for a process that has died in its turn."""

_LONGEST_WAIT: Final = 5.0


@define(eq=False)
class Turn:
    """The part of one process in the turns."""

    database: Database
    mine: str
    _until: float = field(init=False, default=0.0)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the turn. Not for two at once."""
        await self._take()
        try:
            yield
        finally:
            with suppress(Unavailable):  # it ends by itself as well
                await pass_turn(self.database, self.mine)

    async def keep(self) -> None:
        """Hold it for longer, when its end is near."""
        if self._until - time.monotonic() < _LEASE * 0.7:
            await self._taken()

    async def _take(self) -> None:
        deadline = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < deadline:
            if await self._taken():
                return
            await asyncio.sleep(pause())

    async def _taken(self) -> bool:
        self._until = time.monotonic() + _LEASE
        return await take_turn(self.database, self.mine, _LEASE)

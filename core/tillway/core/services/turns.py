"""Work that one process does for all of them, every so often."""

import logging
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field

from tillway.core.errors import Unavailable
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Store

_log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=30)
"""How long the others wait for a process that has gone silent at its work."""


@define(kw_only=True)
class Turn:
    """A process's turn at the work called ``name``, which is due every ``every``.

    While it works it extends a short lease, so that another goes on soon after a crash. When it
    is done it keeps the turn until the work is due again, so that the others leave it alone. A
    process that stood still for longer finds that it has lost its turn: it must ask before each
    step, and each step must be harmless to whoever does it too.
    """

    store: Store
    clock: Clock
    owner: str
    name: str
    every: timedelta
    _began: datetime | None = field(default=None, init=False)
    _due: datetime | None = field(default=None, init=False)
    _held: bool = field(default=False, init=False)

    async def begin(self) -> bool:
        """Take the turn if the work is due and nobody else has it.

        What was begun and not done is due still.
        """
        now = self.clock.now()
        if self._due is not None and now < self._due:
            return False
        self._held = await self._extended(now, LEASE)
        self._began = now
        return self._held

    async def goes_on(self) -> bool:
        """Extend the turn before another step; False if it was lost."""
        self._held = self._held and await self._extended(self.clock.now(), LEASE)
        return self._held

    async def done(self) -> None:
        """Keep it from being done again before it is due, by the others too."""
        now = self.clock.now()
        if not self._held or self._began is None:
            return
        self._due = self._began + self.every
        if now < self._due:
            self._held = await self._extended(now, self._due - now)

    async def give_up(self) -> None:
        """Leave it to the others at once, if they can be told. A repeat does nothing."""
        if not self._held:
            return
        self._held = False
        try:
            async with self.store.begin(once=True) as unit:
                await unit.leases.give_up(self.name, self.owner)
        except Unavailable as away:
            _log.warning("the turn at %s is not given up: %s", self.name, away)

    async def _extended(self, now: datetime, by: timedelta) -> bool:
        async with self.store.begin(once=True) as unit:
            return await unit.leases.acquire(self.name, self.owner, now, now + by)

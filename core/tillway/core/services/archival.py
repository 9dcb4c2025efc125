"""Move old payments out of the way. They are found by key and signature as before."""

from datetime import datetime, timedelta

from attrs import define

from tillway.core.observations import ArchivalRan, Observer
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.cleanup import in_batches
from tillway.core.services.paying.repeats import FREE_REPEATS
from tillway.core.services.turns import Turn


@define(kw_only=True)
class Archival:
    """Archive payments that were made longer than ``retention`` ago, one process at a time.

    Whatever the settings say, what can be asked for again for nothing stays where it is.
    """

    store: Store
    turn: Turn
    retention: timedelta
    observe: Observer

    async def run(self) -> int:
        """Archive if it is due and our turn, and tell how many payments were moved."""
        if not await self.turn.begin():
            return 0
        moved = await in_batches(self.store, self.turn, self._step)
        await self.turn.done()
        if moved:
            self.observe(ArchivalRan(moved=moved))
        return moved

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()

    async def _step(self, unit: UnitOfWork, now: datetime, most: int) -> int:
        return await unit.payments.archive(now - max(self.retention, FREE_REPEATS), most)

"""Remove what nobody needs any more, a few rows at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sized
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.turns import Turn

CARTS_KEPT: Final = timedelta(days=7)
"""After their end: a transaction that paid one in time may be shown later."""

MARGIN: Final = timedelta(hours=1)
"""How long after their end nonces and answers stay: clocks of other processes may be slow."""

EVENTS_KEPT: Final = timedelta(days=30)
"""After they were applied: for so long a provider may send one again."""

DELIVERIES_KEPT: Final = timedelta(days=7)
"""After they were done, to be looked up."""

BATCH: Final = 100

Step = Callable[[UnitOfWork, datetime], Awaitable[int | Sized]]
"""Do one batch; give what was done, or how much."""


STEPS: Final[Mapping[str, Step]] = {
    "carts": lambda unit, now: unit.carts.purge(now - CARTS_KEPT, BATCH),
    "refunds": lambda unit, now: unit.refunds.expire(now, BATCH),
    "nonces": lambda unit, now: unit.nonces.purge(now - MARGIN, BATCH),
    "answers": lambda unit, now: unit.answers.purge(now - MARGIN, BATCH),
    "inbox": lambda unit, now: unit.inbox.purge(now - EVENTS_KEPT, BATCH),
    "deliveries": lambda unit, now: unit.deliveries.purge(now - DELIVERIES_KEPT, BATCH),
    "holds": lambda unit, now: unit.ledger.expire(now, BATCH),
}
"""What is done, in this order. Each step is decided by time alone: doing it twice is harmless."""


@define(kw_only=True)
class Cleanup:
    """Clean up, one process at a time."""

    store: Store
    turn: Turn

    async def run(self) -> Mapping[str, int]:
        """Clean up if it is due and our turn; tell how much of each kind was dealt with."""
        done: dict[str, int] = {}
        if not await self.turn.begin():
            return done
        for name, step in STEPS.items():
            done[name] = await in_batches(self.store, self.turn, step)
        await self.turn.done()
        return done

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()


async def in_batches(store: Store, turn: Turn, step: Step) -> int:
    """Repeat a step until there is nothing left or the turn is lost; tell how much was done."""
    total, batch = 0, BATCH
    while batch >= BATCH and await turn.goes_on():
        async with store.begin(once=True) as unit:
            done = await step(unit, turn.clock.now())
        batch = done if isinstance(done, int) else len(done)
        total += batch
    return total

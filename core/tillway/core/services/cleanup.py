"""Remove what nobody needs any more, a few rows at a time."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sized
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.turns import Turn

CARTS_KEPT: Final = timedelta(days=7)
"""After their end: a transaction that paid one in time may be shown later."""

CHECKOUTS_KEPT: Final = timedelta(days=90)
"""Of those that nobody paid: for so long money that comes after all is known for what it is."""

MARGIN: Final = timedelta(hours=1)
"""How long after their end nonces and answers stay: clocks of other processes may be slow."""

EVENTS_KEPT: Final = timedelta(days=30)
"""After they were applied: for so long a provider may send one again."""

DELIVERIES_KEPT: Final = timedelta(days=7)
"""After they were done, to be looked up."""

BATCH: Final = 100
_SMALLER: Final = 10

_log = logging.getLogger(__name__)

Step = Callable[[UnitOfWork, datetime, int], Awaitable[int | Sized]]
"""Do one batch of at most so many; give what was done, or how much."""


STEPS: Final[Mapping[str, Step]] = {
    "carts": lambda unit, now, most: unit.carts.purge(now - CARTS_KEPT, most),
    "checkouts": lambda unit, now, most: unit.checkouts.purge(now - CHECKOUTS_KEPT, most),
    "refunds": lambda unit, now, most: unit.refunds.expire(now, most),
    "nonces": lambda unit, now, most: unit.nonces.purge(now - MARGIN, most),
    "answers": lambda unit, now, most: unit.answers.purge(now - MARGIN, most),
    "inbox": lambda unit, now, most: unit.inbox.purge(now - EVENTS_KEPT, most),
    "deliveries": lambda unit, now, most: unit.deliveries.purge(now - DELIVERIES_KEPT, most),
    "holds": lambda unit, now, most: unit.ledger.expire(now, most),
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
            try:
                done[name] = await in_batches(self.store, self.turn, step)
            except Exception:  # what is wrong with one kind keeps no other from being cleaned up
                _log.exception("%s are not cleaned up", name)
        await self.turn.done()
        return done

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()


async def in_batches(store: Store, turn: Turn, step: Step) -> int:
    """Repeat a step until there is nothing left or the turn is lost; tell how much was done.

    A store may be able to take a few rows where many are too large for it, so that a batch that
    is refused is made smaller, down to one.
    """
    total, most = 0, BATCH
    while await turn.goes_on():
        try:
            done = await _batch(store, step, turn.clock.now(), most)
        except Unavailable:
            if most == 1:
                raise
            most = max(1, most // _SMALLER)
            continue
        total += done
        if done < most:
            break
    return total


async def _batch(store: Store, step: Step, now: datetime, most: int) -> int:
    async with store.begin(once=True) as unit:
        done = await step(unit, now, most)
    return done if isinstance(done, int) else len(done)

"""A process of its own that works on a store, for tests that need several.

It says ``ready`` and begins when a line arrives. Each line of output is something that was
acknowledged. Those that race and tell all kinds of stories are in ``tillway.core.contracts.lives``.
"""

import asyncio
import sys
from functools import partial

from support.quick_clock import QuickClock
from support.store_load import Till
from support.store_places import store_at
from tillway.core.contracts.samples import event, payment, reservation, settled
from tillway.core.ports.store import Store
from tillway.core.services.books.sequencing import Sequencer


async def work(store: Store, who: str, rounds: int) -> None:
    """Claim and settle names of its own until it is killed, saying what was acknowledged."""

    async def one(n: int) -> None:
        name = f"{who}-{n}"
        claim = payment(name, owner=who, reservations=(reservation("worked", 1, None),))
        async with store.begin() as unit:
            await unit.payments.claim(claim)
        print(f"claimed {name}", flush=True)
        async with store.begin() as unit:
            await unit.payments.settle(settled(claim))
            await unit.events.append(event(name))
        print(f"settled {name}", flush=True)

    for first in range(0, rounds, 8):
        await asyncio.gather(*(one(n) for n in range(first, first + 8)))


async def seal(store: Store, who: str, rounds: int) -> None:
    """Seal until so many payments are in the log, beside others whose turn it also seems to be."""
    # To everybody's clock the others' leases are long over.
    sequencer = Sequencer(store=store, clock=QuickClock(speed=10**6), owner=who)
    position = 0
    while position < 2 * rounds:
        print(await sequencer.sweep(), flush=True)
        async with store.view(once=True) as view:
            last = await view.events.last()
        position = 0 if last is None else last.position


async def sell(store: Store, who: str, rounds: int) -> None:
    """Claim and settle until it is killed, asking again while the store is unavailable."""
    till = Till(store, partial(print, flush=True))
    await asyncio.gather(*(till.sell(f"{who}-{n}") for n in range(min(8, rounds))))


async def main(verb: str, place: str, who: str, rounds: str) -> None:
    """Open the store, wait for the word, work."""
    store = store_at(place)
    await store.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await {"work": work, "sell": sell, "seal": seal}[verb](store, who, int(rounds))
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

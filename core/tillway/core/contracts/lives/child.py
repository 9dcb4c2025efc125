"""A process of its own that works on a store's place, for laws that need several.

It says ``ready`` and begins when a line arrives. Each line after that is something that was
acknowledged.
"""

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tillway.core.contracts.kit.factories import store_named
from tillway.core.contracts.lives.stories import Teller
from tillway.core.contracts.samples import payment, reservation
from tillway.core.errors import Unavailable
from tillway.core.payments import Payment
from tillway.core.ports.store import Claimed, ClaimResult, Store
from tillway.core.services.books.sequencing import Sequencer

AT_ONCE: Final = 8
_TRIES: Final = 100
_TIMES: Final = 16
_LEASE: Final = timedelta(milliseconds=200)
"""Short, so that others go on soon after a kill."""


class _Clock:
    """The machine's."""

    def now(self) -> datetime:
        """Give the time."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)


async def race(store: Store, who: str, rounds: int) -> None:
    """Claim the same names as every other process, each sixteen times, and say which are ours."""

    async def one(n: int) -> None:
        claim = payment(f"race-{n}", owner=who, reservations=(reservation("raced", 1, rounds),))
        if isinstance(await _claimed(store, claim), Claimed):
            print(n, flush=True)

    for n in range(rounds):
        await asyncio.gather(*(one(n) for _ in range(_TIMES)))


async def _claimed(store: Store, claim: Payment) -> ClaimResult:
    """Claim; whoever is told to ask again does so, for a few seconds."""
    for _ in range(_TRIES):
        with suppress(Unavailable):
            async with store.begin() as unit:
                return await unit.payments.claim(claim)
        await asyncio.sleep(0.05)
    async with store.begin() as unit:
        return await unit.payments.claim(claim)


async def tell(store: Store, who: str, rounds: int) -> None:
    """Tell stories, several at a time, and seal what is told."""
    teller = Teller(store)
    stories = list(teller.stories().items())

    async def lane(first: int) -> None:
        for n in range(first, rounds, AT_ONCE):
            kind, story = stories[n % len(stories)]
            with suppress(Unavailable):  # nothing was acknowledged: the story ends here
                await story(f"{kind}:{who}-{n}")

    async def seal() -> None:
        sequencer = Sequencer(store=store, clock=_Clock(), owner=who, lease=_LEASE)
        while True:
            with suppress(Unavailable):
                await sequencer.sweep()
            await asyncio.sleep(0.02)

    sealing = asyncio.ensure_future(seal())
    await asyncio.gather(*(lane(first) for first in range(AT_ONCE)))
    sealing.cancel()


async def main(factory: str, folder: str, verb: str, who: str, rounds: str) -> None:
    """Open the store, wait for the word, work."""
    async with store_named(factory).opened(Path(folder)) as store:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await {"race": race, "tell": tell}[verb](store, who, int(rounds))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Load on a store whose server comes and goes, and what any caller may ask of it."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field

from tillway.core.contracts.samples import event, payment, reservation, settled
from tillway.core.contracts.stores.steps import find
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed, Store, Taken


@define
class Till:
    """Sells without end and remembers what was acknowledged."""

    store: Store
    says: Callable[[str], None] = lambda line: None
    acknowledged: set[str] = field(factory=set)
    refused: int = 0
    last: float = 0.0
    closed: bool = False

    async def sell(self, who: object) -> None:
        """Claim and settle one purchase after the other, until closing time."""
        for n in range(10**9):
            if self.closed:
                return
            await self._one(f"{who}-{n}")

    async def _one(self, name: str) -> None:
        one = payment(name, owner=name, reservations=(reservation("worked", 1, None),))
        await self._until_told(lambda: self._claimed(one.signature, name))
        self._hear(f"claimed {name}")
        await self._until_told(lambda: self._settled(name))
        self._hear(f"settled {name}")

    async def _claimed(self, signature: str, name: str) -> None:
        one = payment(name, owner=name, reservations=(reservation("worked", 1, None),))
        async with self.store.begin(once=True) as unit:
            result = await unit.payments.claim(one)
        # After an answer that was lost, a claim finds itself.
        assert result in (Claimed(), Taken(payment=one))

    async def _settled(self, name: str) -> None:
        one = payment(name, owner=name, reservations=(reservation("worked", 1, None),))
        if random.random() < 0.5:
            async with self.store.begin(once=True) as unit:
                ours = await unit.payments.settle(settled(one), [event(name)])
        else:
            async with self.store.begin() as unit:
                ours = await unit.payments.settle(settled(one))
                if ours:
                    await unit.events.append(event(name))
        if not ours:
            assert await find(self.store, one) == settled(one)

    async def _until_told(self, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                return await act()
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(0.02)

    def _hear(self, line: str) -> None:
        self.acknowledged.add(line)
        self.says(line)
        self.last = time.monotonic()


async def seconds_to_the_next(till: Till) -> float:
    """Wait for the next acknowledgement, and tell how long that took."""
    since = time.monotonic()
    while till.last < since:
        assert time.monotonic() - since < 30
        await asyncio.sleep(0.005)
    return till.last - since


async def a_unit(store: Store) -> None:
    """Write in a unit."""
    async with store.begin() as unit:
        await unit.events.append(event("told"))


async def a_view(store: Store) -> None:
    """Read in a view."""
    async with store.view() as view:
        await view.quote_keys.all()


async def a_call(store: Store) -> None:
    """Write in a unit of one call."""
    async with store.begin(once=True) as unit:
        await unit.events.append(event("called"))


async def a_look(store: Store) -> None:
    """Read in a view of one call."""
    await find(store, payment("a"))

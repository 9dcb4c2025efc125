"""The order in which we send: a gap between sends, and so many payments at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from attrs import define, field

from tillway.core.ports.clock import Clock


@define(kw_only=True)
class Queue:
    """Stand in front of sendTransaction.

    At most ``most_in_flight`` payments are between their first send and their end, 0 for any
    number; places go in the order of asking. Any two sends are ``min_gap`` seconds apart. Turns
    go in the order of asking, but those asked for ``first`` go before the others: as long as
    both wait, every second turn, so that neither can starve the other.
    """

    clock: Clock
    min_gap: float = 0.0
    most_in_flight: int = 0
    _places: asyncio.Semaphore | None = field(init=False, repr=False)
    _first: deque[asyncio.Future[None]] = field(factory=deque, init=False, repr=False)
    _others: deque[asyncio.Future[None]] = field(factory=deque, init=False, repr=False)
    _was_first: bool = field(default=False, init=False, repr=False)
    _pacing: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _last: datetime | None = field(default=None, init=False)

    @_places.default
    def _of_most_in_flight(self) -> asyncio.Semaphore | None:
        return asyncio.Semaphore(self.most_in_flight) if self.most_in_flight > 0 else None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Be in flight for as long as the context lasts; wait for a place to be free."""
        if self._places is None:
            yield
            return
        async with self._places:
            yield

    async def turn(self, *, first: bool = False) -> None:
        """Wait until it is this caller's turn to send."""
        if self.min_gap <= 0:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._first if first else self._others).append(turn)
        if self._pacing is None or self._pacing.done():
            self._pacing = asyncio.create_task(self._pace(), name="x402 queue")
        await turn

    async def _pace(self) -> None:
        while self._first or self._others:
            await self._gap()
            turn = self._next()
            if turn is not None:
                self._last = self.clock.now()
                turn.set_result(None)

    async def _gap(self) -> None:
        if self._last is not None:
            # A clock that was set back must not make anyone wait for longer than the gap.
            gone = max(0.0, (self.clock.now() - self._last).total_seconds())
            if gone < self.min_gap:
                await self.clock.sleep(self.min_gap - gone)

    def _next(self) -> asyncio.Future[None] | None:
        """Take the next who still waits; of two kinds that wait, the one not served last."""
        sides = (self._others, self._first) if self._was_first else (self._first, self._others)
        for side in sides:
            while side:
                turn = side.popleft()
                if not turn.done():
                    self._was_first = side is self._first
                    return turn
        return None

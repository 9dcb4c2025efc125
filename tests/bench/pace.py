"""How fast something is done, so much at once: a rate, and how long each transaction takes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Self, TypeVar

from attrs import field, frozen

from bench.spread import Spread, median

T = TypeVar("T")


@frozen
class Pace:
    """Things done a second, seconds of our CPU for each, and seconds of each transaction."""

    rate: float
    cpu: float
    latency: Spread = field(kw_only=True)

    @property
    def tail(self) -> float:
        """How many times the median the 99th percentile is."""
        return self.latency.p99 / self.latency.median

    @classmethod
    def middle(cls, paces: Sequence[Self]) -> Self:
        """Give the one whose rate is in the middle."""
        rate = median([pace.rate for pace in paces])
        return next(pace for pace in paces if pace.rate == rate)


async def paced(
    things: Iterable[T],
    steps: Sequence[Callable[[T], Awaitable[object]]],
    at_once: int,
    seconds: float,
) -> Pace:
    """Take each thing through its steps until there are no more, or the time is up.

    Each step is a transaction. What is under way at the end is finished and counted.
    """
    waiting, took = deque(things), list[float]()
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while waiting and time.perf_counter() < end:
            thing = waiting.popleft()
            for step in steps:
                since = time.perf_counter()
                await step(thing)
                took.append(time.perf_counter() - since)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    spent, lasted = time.process_time() - cpu, time.perf_counter() - began
    done = len(took) / len(steps)
    return Pace(done / lasted, spent / done, latency=Spread.of(took))

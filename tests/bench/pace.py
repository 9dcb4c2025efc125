"""How fast something is done, so much at once: a rate, and how long each transaction takes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Self, TypeVar

from attrs import define, field, frozen

from bench.spread import Spread, median

T = TypeVar("T")


@frozen
class Pace:
    """Things done a second, our CPU for each, and how long each transaction took, in seconds."""

    rate: float
    cpu: float = 0.0
    took: Sequence[float] = ()


@define
class Rounds:
    """Several measurements of one thing, in turns with those of others."""

    paces: list[Pace] = field(factory=list)

    @property
    def rate(self) -> float:
        """The rate in the middle."""
        return median([pace.rate for pace in self.paces])

    @property
    def cpu(self) -> float:
        """The CPU in the middle."""
        return median([pace.cpu for pace in self.paces])

    @property
    def latency(self) -> Spread:
        """How long transactions took, in all rounds; ValueError where that was not measured."""
        return Spread.of([seconds for pace in self.paces for seconds in pace.took])

    @property
    def tail(self) -> float:
        """How many times the median the 99th percentile is."""
        return self.latency.p99 / self.latency.median

    def against(self, other: Self) -> float:
        """Give the ratio of rates in the middle, each of one round: both had the same machine."""
        pairs = zip(self.paces, other.paces, strict=True)
        return median([ours.rate / theirs.rate for ours, theirs in pairs])


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
    return Pace(done / lasted, spent / done, took)

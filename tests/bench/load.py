"""A child process that asks a server the same thing over many connections, as fast as it answers.

Commands come on standard input as JSON lines: ``port``, ``request``, ``connections``,
``seconds``, and ``processes`` whose CPU is to be read. Each is answered with a `Load` as JSON.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final

import uvloop
from attrs import asdict, define, field, frozen

from bench.clocks import Meter
from bench.spread import Spread
from bench.wire import Answer, Line

WARM_UP: Final = 0.5


@frozen(kw_only=True)
class Load:
    """One measurement. ``cpu`` is in seconds over the whole of it; ``size`` is a body's.

    ``lost`` counts connections that the server closed, which it should keep. ``others`` is what
    everybody else on the machine has used of its cores, in seconds.
    """

    count: int
    seconds: float
    statuses: Mapping[str, int]
    latency: Spread
    cpu: Mapping[str, float]
    others: float
    size: int
    lost: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds

    def cost(self, process: str) -> float:
        """CPU microseconds of one process for each answer."""
        return self.cpu[process] / self.count * 1e6

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Load":
        """Take what the child tells."""
        return cls(**{**told, "latency": Spread(**told["latency"])})


@define(eq=False)
class _Hammer:
    request: bytes
    latencies: list[float] = field(factory=list)
    statuses: Counter[int] = field(factory=Counter)
    size: int = 0
    losses: int = 0
    ended: bool = False
    lines: list[Line] = field(factory=list)

    def take(self, line: Line, answer: Answer) -> None:
        self.latencies.append(answer.seconds)
        self.statuses[answer.status] += 1
        self.size = len(answer.body)
        if not self.ended:
            line.ask(self.request)

    def lost(self, line: Line) -> None:
        self.losses += not self.ended

    def forget(self) -> None:
        self.latencies.clear()
        self.statuses.clear()

    async def open(self, port: int, connections: int) -> None:
        for _ in range(connections):
            self.lines.append(await Line.open(port, self.take, self.lost))
        for line in self.lines:
            line.ask(self.request)

    def close(self) -> None:
        self.ended = True
        for line in self.lines:
            line.close()


async def hammer(
    port: int,
    request: str,
    connections: int,
    seconds: float,
    processes: Mapping[str, int],
    warm_up: float = WARM_UP,
) -> Load:
    """Ask for so many seconds after a warm-up, and sum it up."""
    made = _Hammer(request.encode())
    await made.open(port, connections)
    await asyncio.sleep(warm_up)
    made.forget()
    meter, began = Meter(processes), perf_counter()
    await asyncio.sleep(seconds)
    took, cpu, others = perf_counter() - began, meter.spent(), meter.others()
    latency, statuses = Spread.of(made.latencies), made.statuses
    made.close()
    return Load(
        count=latency.count,
        seconds=took,
        statuses={str(status): count for status, count in statuses.items()},
        latency=latency,
        cpu=cpu,
        others=others,
        size=made.size,
        lost=made.losses,
    )


def main() -> None:
    """Do what is asked until nothing more comes."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(uvloop.run(hammer(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()

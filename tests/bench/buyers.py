"""A child process: buyers who pay as fast as they are answered, so many at once.

Commands come on standard input as JSON lines. ``prepare`` gets offers and signs what they ask
for; ``pay`` presents it, measures, and answers with `Paid` as JSON. Nobody else presents a
prepared payment, and nobody presents one twice. ``python -m bench.buyers RPC_URL``.
"""

import asyncio
import itertools
import json
import sys
from collections import Counter, deque
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final

import aiohttp
import uvloop
from attrs import asdict, define, field, frozen
from solders.hash import Hash
from solders.keypair import Keypair

from bench.clocks import Meter
from bench.purchase import ASK, offer_in, paying
from bench.spread import Spread, rate_of
from bench.wallets import BUYERS, buyer
from bench.wire import Answer, Line

_OFFERS_AT_ONCE: Final = 16
_STAGGER: Final = 0.55
"""Seconds over which the first payments are spread, so that they do not go on in step."""

_LAST: Final = 60.0
"""Seconds that what is under way at the end may still take."""


@frozen(kw_only=True)
class Paid:
    """One measurement. ``refused`` counts answers other than 200, ``reasons`` has some of them.

    ``rate`` is of payments a second, ``cpu`` in seconds within the window that has ``count``
    payments, as is ``others``, everybody else's on the machine. ``exhausted`` tells that more
    could have been paid than was prepared.
    """

    count: int
    rate: float
    latency: Spread | None
    cpu: Mapping[str, float]
    others: float
    refused: int
    reasons: tuple[str, ...]
    exhausted: bool

    def cost(self, process: str) -> float:
        """CPU milliseconds of one process for each payment."""
        return self.cpu[process] / max(1, self.count) * 1e3

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Paid":
        """Take what the child tells."""
        latency = told["latency"] and Spread(**told["latency"])
        return cls(**{**told, "latency": latency, "reasons": tuple(told["reasons"])})


@define(eq=False)
class Crowd:
    """So many connections, each of which presents the next payment once it has its answer."""

    waiting: deque[bytes]
    ends: list[float] = field(factory=list)
    latencies: list[float] = field(factory=list)
    refused: Counter[str] = field(factory=Counter)
    exhausted: bool = False
    over: bool = False
    _lines: list[Line] = field(factory=list)
    _busy: int = 0
    _idle: asyncio.Event = field(factory=asyncio.Event)

    async def begin(self, port: int, concurrency: int) -> None:
        """Connect everybody, then let them begin one after the other."""
        for _ in range(concurrency):
            self._lines.append(await Line.open(port, self._take, self._lost))
        for line in self._lines:
            self._next(line)
            await asyncio.sleep(_STAGGER / concurrency)

    def forget(self) -> None:
        """Let the measurement begin here."""
        self.ends.clear()
        self.latencies.clear()
        self.refused.clear()

    async def leave(self) -> None:
        """Wait for what is under way, and disconnect."""
        self.over = True
        if self._busy:
            async with asyncio.timeout(_LAST):
                await self._idle.wait()
        for line in self._lines:
            line.close()

    def _next(self, line: Line) -> None:
        if self.over or not self.waiting:
            self.exhausted |= not self.over
            return
        self._busy += 1
        line.ask(self.waiting.popleft())

    def _take(self, line: Line, answer: Answer) -> None:
        self._busy -= 1
        if not self.over:
            self._note(answer)
        elif not self._busy:
            self._idle.set()
        self._next(line)

    def _note(self, answer: Answer) -> None:
        if answer.status == 200:
            self.ends.append(perf_counter())
            self.latencies.append(answer.seconds)
        else:
            self.refused[f"{answer.status} {answer.body[:300].decode(errors='replace')}"] += 1

    def _lost(self, line: Line) -> None:
        if not self.over:
            self.refused["a connection was closed"] += 1


async def measured(
    waiting: deque[bytes],
    port: int,
    concurrency: int,
    warm_up: float,
    seconds: float,
    processes: Mapping[str, int],
) -> Paid:
    """Pay for so many seconds after a warm-up, and sum it up."""
    crowd = Crowd(waiting)
    await crowd.begin(port, concurrency)
    await asyncio.sleep(warm_up)
    crowd.forget()
    meter = Meter(processes)
    await asyncio.sleep(seconds)
    paid = _summed(crowd, meter)
    await crowd.leave()
    return paid


def _summed(crowd: Crowd, meter: Meter) -> Paid:
    return Paid(
        count=len(crowd.ends),
        rate=rate_of(crowd.ends),
        latency=Spread.of(crowd.latencies) if crowd.latencies else None,
        cpu=meter.spent(),
        others=meter.others(),
        refused=crowd.refused.total(),
        reasons=tuple(reason for reason, _ in crowd.refused.most_common(3)),
        exhausted=crowd.exhausted,
    )


@define(eq=False)
class Buyers:
    """Everybody's prepared payments."""

    rpc_url: str
    waiting: deque[bytes] = field(factory=deque)
    _turns: "itertools.cycle[Keypair]" = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Let everybody have his turn, for ever."""
        self._turns = itertools.cycle([buyer(number) for number in range(BUYERS)])

    async def prepare(self, port: int, count: int) -> Mapping[str, Any]:
        """Get so many offers, and sign them. What was prepared before is dropped."""
        began, meter = perf_counter(), Meter({})
        self.waiting.clear()
        blockhash = await self._blockhash()
        each = count // _OFFERS_AT_ONCE + 1
        await asyncio.gather(*(self._sign(port, each, blockhash) for _ in range(_OFFERS_AT_ONCE)))
        return {"seconds": perf_counter() - began, "cpu": meter.spent()["here"]}

    async def _sign(self, port: int, count: int, blockhash: Hash) -> None:
        loop = asyncio.get_running_loop()
        answers: asyncio.Queue[Answer] = asyncio.Queue()
        line = await Line.open(port, lambda _, answer: answers.put_nowait(answer), lambda _: None)
        for _ in range(count):
            line.ask(ASK)
            offer = offer_in(await answers.get())
            self.waiting.append(paying(offer, next(self._turns), blockhash))
        loop.call_soon(line.close)

    async def _blockhash(self) -> Hash:
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "getLatestBlockhash",
            "params": [{"commitment": "confirmed"}],
        }
        async with aiohttp.ClientSession() as http, http.post(self.rpc_url, json=call) as answer:
            found = await answer.json()
        return Hash.from_string(found["result"]["value"]["blockhash"])

    async def do(self, command: str, **told: Any) -> Mapping[str, Any]:
        """Carry out one command."""
        if command == "prepare":
            return await self.prepare(**told)
        return asdict(await measured(self.waiting, **told))


def main() -> None:
    """Do what is asked until nothing more comes."""
    buyers = Buyers(sys.argv[1])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        print(json.dumps(uvloop.run(buyers.do(told.pop("command"), **told))), flush=True)


if __name__ == "__main__":
    main()

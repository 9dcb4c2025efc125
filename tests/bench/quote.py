"""Quotes through the whole middleware stack, against a bare aiohttp handler of the same answer.

Both are on uvloop in processes of their own and answer the same client. The bare handler gives
the same body and the same headers that carry the offer; a second one gives every header of the
answer. The gateway prices, signs and seals a quote of its own for each request.
"""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from bench.bench import Bench
from bench.child import Child, module, running
from bench.gateway import Gateway, serving
from bench.load import Load
from bench.report import Aim, Report, times
from bench.spread import median
from bench.wallets import RESOURCE
from bench.wire import request

TITLE: Final = "quote: a 402 through everything, and bare aiohttp giving the same bytes"
CONNECTIONS: Final = 32
AIM: Final = 0.5
_ROUNDS: Final = 3
_PATIENCE: Final = 60.0
_CARRIES_OFFER: Final = frozenset({"payment-required", "cache-control"})
_MADE_BY_AIOHTTP: Final = frozenset({"date", "content-length", "content-type"})


@frozen
class Ask:
    """A request that gets a quote."""

    name: str
    method: str
    path: str
    body: str = ""


ASKS: Final = (
    Ask("GET /paywall/{id}", "GET", f"/paywall/{RESOURCE}"),
    Ask("POST /paywall/v1/quote", "POST", "/paywall/v1/quote", f'{{"resource":"{RESOURCE}"}}'),
)


@define(eq=False)
class Case:
    """One request and who answers it; ``loads`` are what was measured, by who."""

    ask: Ask
    loads: dict[str, list[Load]] = field(factory=dict)

    def rate(self, who: str) -> float:
        """Answers a second, the median of the rounds."""
        return median([load.rate for load in self.loads[who]])

    def cost(self, who: str) -> float:
        """CPU microseconds for each answer, the median of the rounds."""
        return median([load.cost("server") for load in self.loads[who]])


def measure(bench: Bench) -> Iterator[Report]:
    """Let gateway and bare handlers take turns."""
    cases = [Case(ask) for ask in ASKS]
    with ExitStack() as stack:
        chain = stack.enter_context(running(module("bench.chain", 0, 400), bench.folder, "chain"))
        gateway = stack.enter_context(serving(bench.folder, chain.hear(), "memory"))
        bare = stack.enter_context(_bare(bench.folder, gateway))
        load = stack.enter_context(running(module("bench.load"), bench.folder, "load"))
        load.hear()
        servers = {"gateway": (gateway.port, gateway.pid), "bare": (bare.hear()["port"], bare.pid)}
        for _ in range(_ROUNDS):
            for case in cases:
                _round(case, load, servers, bench.seconds / _ROUNDS)
    yield _report(cases)


def _round(case: Case, load: Child, servers: Mapping[str, tuple[int, int]], seconds: float) -> None:
    paths = {"gateway": case.ask.path, "bare": "/bare", "bare, all headers": "/bare/all"}
    for who, path in paths.items():
        port, pid = servers["gateway" if who == "gateway" else "bare"]
        written = request(case.ask.method, path, body=case.ask.body.encode())
        told = load.ask(
            _PATIENCE,
            port=port,
            request=written.decode(),
            connections=CONNECTIONS,
            seconds=seconds,
            processes={"server": pid},
        )
        case.loads.setdefault(who, []).append(Load.read(told))


def _bare(folder: Path, gateway: Gateway) -> Any:
    file = folder / "bare.json"
    answers = {ask.method: _answer(gateway.port, ask) for ask in ASKS}
    file.write_text(json.dumps(answers))
    return running(module("bench.bare", file), folder, "bare")


def _answer(port: int, ask: Ask) -> Mapping[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(ask.method, ask.path, ask.body or None)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    headers = dict(answer.getheaders())
    return {
        "status": answer.status,
        "body": body,
        "headers": {k: v for k, v in headers.items() if k.lower() in _CARRIES_OFFER},
        "all": {k: v for k, v in headers.items() if k.lower() not in _MADE_BY_AIOHTTP},
    }


def _report(cases: Sequence[Case]) -> Report:
    return Report(
        title=TITLE,
        columns=("request", "who", "answers/s", "ratio", "CPU us", "ratio", "p99 ms", "others"),
        rows=[_row(case, who) for case in cases for who in case.loads],
        aims=[_aim(case) for case in cases],
        notes=[
            f"{CONNECTIONS} connections, medians of {_ROUNDS} rounds in turns; ratios are to the",
            "gateway's; others: cores that everybody else on this machine used meanwhile.",
            *_oddities(cases),
        ],
    )


def _row(case: Case, who: str) -> tuple[str, ...]:
    loads = case.loads[who]
    return (
        case.ask.name,
        who,
        f"{case.rate(who):,.0f}",
        times(case.rate("gateway"), case.rate(who)),
        f"{case.cost(who):.1f}",
        times(case.cost(who), case.cost("gateway")),
        f"{median([load.latency.p99 for load in loads]) * 1e3:.1f}",
        f"{median([load.others / load.seconds for load in loads]):.2f}",
    )


def _aim(case: Case) -> Aim:
    met = case.rate("gateway") >= AIM * case.rate("bare")
    return Aim(f"{case.ask.name}: at least half the rate of the bare handler", met)


def _oddities(cases: Sequence[Case]) -> Iterator[str]:
    for case in cases:
        for who, loads in case.loads.items():
            statuses = {status for load in loads for status in load.statuses}
            lost = sum(load.lost for load in loads)
            if statuses != {"402"} or lost:
                yield f"{case.ask.name}, {who}: statuses {statuses}, {lost} connections lost"

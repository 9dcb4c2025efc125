"""Payments a second, from request to grant, with a node 50 ms away that confirms in 400 ms.

Tillway (`tillway serve`, one process, on the file and on the memory store), the official Python
facilitator, and the floor: a simulation, a send, the confirmation and a look at it cannot take
less than 0.55 s. Chain, gateway and buyers are processes of their own on the same cores. Offers
are got and signed before the clock runs; what is timed is the paid request.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import ceil
from pathlib import Path
from typing import Final

from attrs import frozen

from bench.bench import Bench
from bench.buyers import Paid
from bench.child import HERE, Child, module, running
from bench.gateway import serving
from bench.report import Aim, Report, millis
from bench.wallets import PRICE, merchant, sponsor
from e2e import clients
from tillway.entrypoints.sandbox.chain import STABLECOINS

TITLE: Final = "payments: x402 v2, from the paid request to the grant"
LATENCY_MS: Final = 50
CONFIRM_MS: Final = 400
SHORTEST: Final = 0.55
AT_ONCE: Final = (1, 10, 50, 200)
WARM_UP: Final = 1.5
OFFICIAL: Final = "official"
_SPARE: Final = 1.1
_PREPARE_SECONDS: Final = 60.0
_PAY_SECONDS: Final = 60.0
_SELLER: Final = Path(__file__).parent / "official" / "seller.py"


@frozen
class Place:
    """Where payments are taken: a port, and the process behind it."""

    port: int
    pid: int


Opens = Callable[[Path, Mapping[str, str]], AbstractContextManager[Place]]


@frozen
class Result:
    """One setting of one contender."""

    who: str
    at_once: int
    seconds: float
    paid: Paid

    @property
    def floor(self) -> float:
        """Payments a second if nothing but the network took time."""
        return self.at_once / SHORTEST

    @property
    def share(self) -> float:
        """The rate as a share of the floor."""
        return self.paid.rate / self.floor


def measure(bench: Bench) -> Iterator[Report]:
    """Measure every contender at every concurrency."""
    results = [*_measured(bench, "file", _tillway("file"))]
    results += _measured(bench, "memory", _tillway("memory"))
    notes = []
    try:
        seller = clients.python_environment(_cache())
        results += _measured(bench, OFFICIAL, _official(seller))
    except clients.Unavailable as reason:
        notes.append(f"The official facilitator is not here: {reason}")
    yield _report(results, notes)


def _tillway(backend: str) -> Opens:
    @contextmanager
    def opens(folder: Path, node: Mapping[str, str]) -> Iterator[Place]:
        with serving(folder, node, backend) as gateway:
            yield Place(gateway.port, gateway.pid)

    return opens


def _official(interpreter: Path) -> Opens:
    mint = str(STABLECOINS["devnet"][0].mint)

    @contextmanager
    def opens(folder: Path, node: Mapping[str, str]) -> Iterator[Place]:
        words = [node["rpc_url"], str(merchant().pubkey()), mint, str(PRICE)]
        environment = {"SECRET": str(sponsor()), "PYTHONPATH": ""}
        command: list[str | Path] = [interpreter, _SELLER, *words]
        with running(command, folder, "official", environment) as child:
            yield Place(child.hear()["port"], child.pid)

    return opens


def _cache() -> Path:
    named = os.environ.get("TILLWAY_TEST_CACHE")
    place = Path(named) if named else HERE.parent / ".pytest_cache" / "d"
    return place.absolute() / "clients"


def _measured(bench: Bench, who: str, opens: Opens) -> Iterator[Result]:
    far = module("bench.chain", LATENCY_MS, CONFIRM_MS)
    with running(far, bench.folder, "chain") as chain:
        node = chain.hear()
        crowd = module("bench.buyers", node["rpc_url"])
        with opens(bench.folder, node) as place, running(crowd, bench.folder, "buyers") as buyers:
            buyers.hear()
            processes = {"gateway": place.pid, "chain": chain.pid}
            for at_once in AT_ONCE:
                paid = _paid(buyers, place.port, at_once, bench.seconds, processes)
                yield Result(who, at_once, bench.seconds, paid)


def _paid(
    buyers: Child, port: int, at_once: int, seconds: float, processes: Mapping[str, int]
) -> Paid:
    most = ceil(at_once / SHORTEST * (WARM_UP + SHORTEST + seconds) * _SPARE) + at_once
    buyers.ask(_PREPARE_SECONDS, command="prepare", port=port, count=most)
    told = buyers.ask(
        seconds + _PAY_SECONDS,
        command="pay",
        port=port,
        concurrency=at_once,
        warm_up=WARM_UP,
        seconds=seconds,
        processes=processes,
    )
    return Paid.read(told)


def _report(results: Sequence[Result], notes: Sequence[str]) -> Report:
    rows = sorted(results, key=lambda result: result.at_once)
    return Report(
        title=TITLE,
        columns=(
            "at once",
            "who",
            "payments/s",
            "floor",
            "share",
            "official",
            "p50 ms",
            "p99 ms",
            "gateway",
            "chain",
            "buyers",
            "others",
            "refused",
        ),
        rows=[_row(result, _rate_of_official(results, result.at_once)) for result in rows],
        aims=[*aims_of(results)],
        notes=[
            f"floor: so many at once by {SHORTEST} s; share: of it; official: times its rate;",
            "gateway, chain, buyers: CPU ms for each payment; others: cores that everybody else on",
            "this machine used meanwhile. file and memory are `tillway serve` on these stores,",
            "official is x402[svm] from PyPI in threads.",
            *notes,
            *_refusals(results),
        ],
    )


def _row(result: Result, official: float) -> tuple[str, ...]:
    paid = result.paid
    return (
        str(result.at_once),
        result.who,
        f"{paid.rate:.1f}",
        f"{result.floor:.1f}",
        f"{result.share:.0%}",
        f"{paid.rate / official:.1f}x" if official else "-",
        millis(paid.latency.median) if paid.latency else "-",
        millis(paid.latency.p99) if paid.latency else "-",
        f"{paid.cost('gateway'):.2f}",
        f"{paid.cost('chain'):.2f}",
        f"{paid.cost('here'):.2f}",
        f"{paid.others / result.seconds:.2f}",
        f"{paid.refused}{' (ran out)' if paid.exhausted else ''}",
    )


def _rate_of_official(results: Sequence[Result], at_once: int) -> float:
    found = [each for each in results if each.who == OFFICIAL and each.at_once == at_once]
    return found[0].paid.rate if found else 0.0


def aims_of(results: Sequence[Result]) -> Iterator[Aim]:
    """Hold our own results to what we aim at; the others are there to be compared with."""
    for result in results:
        if result.who == OFFICIAL:
            continue
        if result.at_once in (10, 50):
            text = f"{result.who}, {result.at_once} at once: at least 90 % of the floor"
            yield Aim(text, result.share >= 0.9)
        elif result.at_once == 200:
            yield Aim(f"{result.who}, 200 at once: at least 300/s", result.paid.rate >= 300)


def _refusals(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        for reason in result.paid.reasons:
            yield f"{result.who}, {result.at_once} at once, refused: {reason}"

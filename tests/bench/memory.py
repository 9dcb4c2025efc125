"""Memory of one `tillway serve` process after its start, and over many quotes.

The other side is a bare aiohttp server on uvloop under the same load.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from attrs import frozen

from bench.bench import Bench
from bench.child import Child, module, running
from bench.clocks import resident_bytes
from bench.gateway import serving
from bench.report import Aim, Report
from bench.wallets import RESOURCE
from bench.wire import request

TITLE: Final = "memory: resident, of one process"
MOST_MIB: Final = 120
FLAT_MIB: Final = 5
QUOTES: Final = 50_000
FEWER: Final = 10_000
_WARM_UP: Final = 5_000
_PATIENCE: Final = 60.0
_MIB: Final = 2**20


@frozen
class Sizes:
    """MiB after the start, after a warm-up, and after so many more answers."""

    started: float
    warm: float
    after: float
    answers: int

    @property
    def grown(self) -> float:
        """How much more it is after the answers than before them."""
        return self.after - self.warm


def measure(bench: Bench) -> Iterator[Report]:
    """Ask both for the same number of answers."""
    count = QUOTES if bench.full else FEWER
    answers = bench.folder / "nothing.json"
    answers.write_text('{"GET": {"status": 402, "body": "{}", "headers": {}, "all": {}}}')
    with ExitStack() as stack:
        chain = stack.enter_context(running(module("bench.chain", 0, 400), bench.folder, "chain"))
        gateway = stack.enter_context(serving(bench.folder, chain.hear(), "file"))
        bare = stack.enter_context(running(module("bench.bare", answers), bench.folder, "bare"))
        load = stack.enter_context(running(module("bench.load"), bench.folder, "load"))
        load.hear()
        ours = _sizes(load, gateway.pid, gateway.port, f"/paywall/{RESOURCE}", count)
        theirs = _sizes(load, bare.pid, bare.hear()["port"], "/bare", count)
    yield _report(ours, theirs)


def _sizes(load: Child, process: int, port: int, path: str, count: int) -> Sizes:
    started = resident_bytes(process)
    _asked(load, port, path, _WARM_UP)
    warm = resident_bytes(process)
    answers = _asked(load, port, path, count)
    return Sizes(started / _MIB, warm / _MIB, resident_bytes(process) / _MIB, answers)


def _asked(load: Child, port: int, path: str, count: int) -> int:
    made = 0
    while made < count:
        told = load.ask(
            _PATIENCE,
            port=port,
            request=request("GET", path).decode(),
            connections=16,
            seconds=1.0,
            processes={},
        )
        assert set(told["statuses"]) == {"402"}, told
        made += told["count"]
    return made


def _report(ours: Sizes, bare: Sizes) -> Report:
    return Report(
        title=TITLE,
        columns=("who", "started MiB", "warm MiB", "after MiB", "answers", "grown MiB"),
        rows=[_row("tillway serve, file store", ours), _row("bare aiohttp on uvloop", bare)],
        aims=[
            Aim(f"under {MOST_MIB} MB after start-up", ours.started * _MIB < MOST_MIB * 10**6),
            Aim(f"flat over {ours.answers:,} quotes: under {FLAT_MIB} MiB", ours.grown < FLAT_MIB),
        ],
    )


def _row(who: str, sizes: Sizes) -> tuple[str, ...]:
    return (
        who,
        f"{sizes.started:.1f}",
        f"{sizes.warm:.1f}",
        f"{sizes.after:.1f}",
        f"{sizes.answers:,}",
        f"{sizes.grown:+.1f}",
    )

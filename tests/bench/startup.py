"""How soon a new `tillway serve` answers, and what its imports cost.

The other side is a bare aiohttp server on uvloop: no server of ours can start sooner.
"""

import http.client
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.bench import Bench
from bench.child import module, running
from bench.gateway import COMMAND, ENVIRONMENT, port_in, settings_file
from bench.report import Aim, Report, millis
from bench.spread import Spread

TITLE: Final = "start-up: from the start of the process to its first answer"
AIM: Final = 1.5
_STARTS: Final = 5
_LIVE: Final = "/healthz/live"
_IMPORT: Final = re.compile(r"import time: +([0-9]+) \| +[0-9]+ \| +(\S+)")
_MOST_PACKAGES: Final = 12


def measure(bench: Bench) -> Iterator[Report]:
    """Start both some times in turn, then look at the imports of ours."""
    with running(module("bench.chain", 0, 400), bench.folder, "chain") as chain:
        file = settings_file(bench.folder, chain.hear(), "file")
        ours, bare = [], []
        for _ in range(_STARTS):
            ours.append(_ours(bench.folder, file))
            bare.append(_bare(bench.folder))
        yield _report(Spread.of(ours), Spread.of(bare))
        yield imports_report(_imports(bench.folder, file))


def _ours(folder: Path, file: Path) -> float:
    command: list[str | Path] = [COMMAND, "serve", "--config", file]
    began = time.perf_counter()
    with running(command, folder, "starting", ENVIRONMENT) as child:
        _answered(port_in(child.line()), _LIVE)
        return time.perf_counter() - began


def _bare(folder: Path) -> float:
    answers = folder / "nothing.json"
    answers.write_text('{"GET": {"status": 200, "body": "{}", "headers": {}, "all": {}}}')
    began = time.perf_counter()
    with running(module("bench.bare", answers), folder, "starting") as child:
        _answered(child.hear()["port"], "/bare")
        return time.perf_counter() - began


def _answered(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
    finally:
        connection.close()


def _report(ours: Spread, bare: Spread) -> Report:
    return Report(
        title=TITLE,
        columns=("who", "median ms", "most ms"),
        rows=[
            ("tillway serve, file store", millis(ours.median), millis(ours.most)),
            ("bare aiohttp on uvloop", millis(bare.median), millis(bare.most)),
        ],
        aims=[Aim(f"tillway serve answers within {AIM} s", ours.median <= AIM)],
        notes=[f"{_STARTS} starts in turns"],
    )


def _imports(folder: Path, file: Path) -> str:
    """Start a gateway that tells what it imports, and stop it once it listens."""
    serve: list[str | Path] = [COMMAND, "serve", "--config", file]
    command = [sys.executable, "-X", "importtime", *serve]
    with running(command, folder, "importing", ENVIRONMENT) as child:
        port_in(child.line())
        return child.log.read_text()


def imports_report(told: str) -> Report:
    """Sum up what `-X importtime` tells, by package."""
    spent = import_times(told)
    rows = [(name, f"{micros / 1000:.1f}") for name, micros in spent.most_common(_MOST_PACKAGES)]
    others = sum(spent.values()) - sum(micros for _, micros in spent.most_common(_MOST_PACKAGES))
    return Report(
        title="start-up: time in imports, by package",
        columns=("package", "ms"),
        rows=[*rows, ("all others", f"{others / 1000:.1f}")],
        notes=[
            f"{spent.total() / 1000:.0f} ms in all, more than without being told (-X importtime)"
        ],
    )


def import_times(told: str) -> Counter[str]:
    """Add up each package's own microseconds; our slices count apart."""
    spent: Counter[str] = Counter()
    for micros, name in _IMPORT.findall(told):
        spent[_package(name.split("."))] += int(micros)
    return spent


def _package(parts: Sequence[str]) -> str:
    if parts[0] == "tillway":
        return ".".join(parts[:2])
    return "the standard library" if parts[0] in sys.stdlib_module_names else parts[0]

"""Choose benchmarks, run them one after the other, and print what they found."""

import argparse
import importlib
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.bench import DEFAULT_SECONDS, Bench
from bench.report import Aim
from tillway.core.contracts.counts import FULL

SUBJECTS: Final[Mapping[str, str]] = {
    "check": "CPU of checking a proof, against solders alone",
    "quote": "quotes a second through everything, against a bare handler",
    "payments": "payments a second, against the official facilitator and the floor",
    "counts": "calls of the node and units of work on the store for each payment",
    "store": "claims and settlements a second on each store, against plain drivers",
    "ledger": "ledger entries over hot accounts, against pgbench",
    "growth": "cost of a payment as stored payments grow",
    "startup": "time to the first answer, against a bare server",
    "memory": "resident memory, against a bare server",
    "rpc_clients": "calls of a node by aiohttp, against the client of solana-py",
}
"""Each is a module of this package, which is imported when it is run."""

_WIDTH: Final = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that are named, all by default."""
    chosen = _parser().parse_args(arguments)
    console = _console()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    console.print("Compare within a run: the machine is nobody's own.\n")
    aims: list[Aim] = []
    with tempfile.TemporaryDirectory(prefix="tillway-bench-") as folder:
        for name in chosen.names or SUBJECTS:
            aims += _run(name, chosen.seconds, Path(folder), console)
    console.print("[bold]All aims[/]")
    for aim in aims:
        console.print(str(aim))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Speed and memory as ratios, measured side by side in one run.",
        epilog="; ".join(f"{name}: {text}" for name, text in SUBJECTS.items()),
    )
    parser.add_argument("names", nargs="*", metavar="name", type=_subject, help="what to measure")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        help=f"how long one setting is measured for (default: {DEFAULT_SECONDS:g})",
    )
    return parser


def _subject(name: str) -> str:
    if name not in SUBJECTS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SUBJECTS)}")
    return name


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 60")
    return seconds


def _console() -> Console:
    plain = Console()
    return plain if plain.is_terminal else Console(width=_WIDTH)


def _run(name: str, seconds: float, folder: Path, console: Console) -> list[Aim]:
    place = folder / name
    place.mkdir()
    aims: list[Aim] = []
    measure = importlib.import_module(f"bench.{name}").measure
    with console.status(f"measuring {name} ..."):
        for report in measure(Bench(folder=place, seconds=seconds, full=FULL)):
            report.show(console)
            aims += report.aims
    return aims

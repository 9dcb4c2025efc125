"""Processes of a benchmark: started alone, spoken to in JSON lines, stopped by their ids."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field

HERE: Final = Path(__file__).parents[1]
"""The folder that our modules are found in."""

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_PDEATHSIG: Final = 1  # prctl(2): a signal for the child whose parent dies


class Broke(Exception):
    """A process left, or did not answer in time; the text is what it said."""


@define(eq=False)
class Child:
    """A running process whose standard streams are ours."""

    process: "subprocess.Popen[str]"
    name: str
    log: Path = field(repr=False)

    @property
    def pid(self) -> int:
        """Its id."""
        return self.process.pid

    def hear(self, seconds: float = START_SECONDS) -> Any:
        """Read the next line that it writes, as JSON. Raises Broke."""
        return json.loads(self.line(seconds))

    def line(self, seconds: float = START_SECONDS) -> str:
        """Read the next line that it writes. Raises Broke."""
        impatience = threading.Timer(seconds, self.process.kill)
        impatience.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            impatience.cancel()
        if not line:
            raise Broke(f"{self.name} did not answer:\n{self.log.read_text()[-4000:]}")
        return line

    def ask(self, patience: float, **command: object) -> Any:
        """Send a command and read its answer. Raises Broke."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.hear(patience)


@contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    name: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Run a command until the block ends; what it says besides goes to a file in ``folder``."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            preexec_fn=_die_with_parent,
        )
    try:
        yield Child(process, name, log)
    finally:
        _stop(process)


def module(name: str, *arguments: object) -> list[str]:
    """Give the command that runs a module of ours in this interpreter."""
    return [sys.executable, "-m", name, *(str(each) for each in arguments)]


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

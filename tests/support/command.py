"""The installed `tillway` command as others see it: a process with output and an exit code."""

import os
import re
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import field, frozen

TILLWAY: Final = Path(sysconfig.get_path("scripts")) / "tillway"
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")
_START: Final = 30.0
_STOP: Final = 25.0

FIAT: Final[Mapping[str, Mapping[str, Any]]] = {
    "server": {"address": "127.0.0.1:0"},
    "logging": {"environment": "development", "level": "error"},
    "storage": {"backend": "file", "file_path": "tillway.db"},
    "paywall": {"resources": {"mug": {"description": "A mug", "fiat_amount_cents": 1250}}},
}
"""Settings of a gateway without rails: it starts without a chain."""


@frozen(kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The lines on its error output."""
        return self.err.splitlines()


@frozen(kw_only=True)
class Running:
    """A command that runs. ``match`` is what was waited for in its output."""

    process: "subprocess.Popen[bytes]"
    match: "re.Match[str]"
    log: Path = field(repr=False)

    @property
    def port(self) -> int:
        """The port it has named."""
        return int(self.match["port"])

    def said(self) -> str:
        """Give all that it has written to both outputs."""
        return self.log.read_text()

    def stop(self) -> int:
        """Ask it to leave and give its exit code."""
        self.process.terminate()
        return self.process.wait(_STOP)


def environment(**more: str) -> dict[str, str]:
    """Give an environment in which nothing of the tester's configures Tillway."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | more


def write_settings(folder: Path, *others: Mapping[str, Any], name: str = "tillway.yaml") -> Path:
    """Write settings: those of `FIAT`, with other sections merged into them."""
    sections = {section: dict(values) for section, values in FIAT.items()}
    for other in others:
        for section, values in other.items():
            sections[section] = {**sections.get(section, {}), **values}
    file = folder / name
    file.write_text(yaml.safe_dump(sections))
    return file


def tillway(*arguments: object, folder: Path, **variables: str) -> Done:
    """Run the command to its end."""
    done = subprocess.run(
        [TILLWAY, *map(str, arguments)],
        cwd=folder,
        env=environment(**{"TMPDIR": str(folder), **variables}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


@contextmanager
def running(
    *arguments: object, folder: Path, until: str, by: Sequence[str] = (), **variables: str
) -> Iterator[Running]:
    """Run the command until the block ends, from the line that matches ``until`` on.

    ``by`` is the program that starts it, if another one does. If it still runs then, it is
    asked to leave, and must.
    """
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*by, TILLWAY, *map(str, arguments)],
            cwd=folder,
            env=environment(**{"TMPDIR": str(folder), **variables}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process=process, match=_seen(process, log, re.compile(until)), log=log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP)
            finally:
                process.kill()
                process.wait()


def _seen(
    process: "subprocess.Popen[bytes]", log: Path, line: "re.Pattern[str]"
) -> "re.Match[str]":
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        found = line.search(log.read_text())
        if found:
            return found
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"{line.pattern!r} was not said ({process.poll()}):\n{log.read_text()}")


LISTENS: Final = r"listens on http://127\.0\.0\.1:(?P<port>\d+)"
SANDBOX: Final = (
    r"sandbox at http://127\.0\.0\.1:(?P<port>\d+), Solana at (?P<rpc>\S+)[\s\S]*/sandbox\n"
)

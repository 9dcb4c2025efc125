"""Wheels as they are published, and a virtual environment that has just them.

Everything that they require comes from the environment of the tests, so that no network is
needed: its packages stand behind those that were installed.
"""

import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

ROOT: Final = Path(__file__).parents[2]
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_LISTENS: Final = re.compile(r"listens on (http://127\.0\.0\.1:\d+)")
_START: Final = 60.0
_STOP: Final = 25.0


def build_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel of a project into a folder that has no other."""
    pytest.importorskip("hatchling", reason="wheels are built with hatchling")
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=project)
    (wheel,) = folder.glob("*.whl")
    return wheel


@frozen(kw_only=True)
class Environment:
    """A virtual environment, and a folder to work in."""

    place: Path
    folder: Path

    def run(self, name: str, *arguments: object, **variables: str) -> str:
        """Run one of its commands to a good end and give its output."""
        return _run([self._command(name), *arguments], cwd=self.folder, **variables)

    def fails(self, name: str, *arguments: object, **variables: str) -> str:
        """Run one of its commands, which must not succeed, and give all that it said."""
        done = subprocess.run(
            [str(part) for part in (self._command(name), *arguments)],
            cwd=self.folder,
            env=_environment(variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    @contextmanager
    def serving(self, settings: Path, **variables: str) -> Iterator[str]:
        """Serve a gateway, give its address, and have it leave at the end."""
        log = self.folder / "serve.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self._command("tillway"), "serve", "--config", settings],
                cwd=self.folder,
                env=_environment({"CEDROS_SERVER_ADDRESS": "127.0.0.1:0", **variables}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            process.wait(_STOP)

    def _command(self, name: str) -> Path:
        return self.place / "bin" / name


def installed_in(place: Path, *wheels: Path) -> Environment:
    """Make a virtual environment and install the wheels into it, and nothing else."""
    _run([sys.executable, "-m", "venv", place], cwd=place.parent)
    folder = place.parent / "work"
    folder.mkdir()
    made = Environment(place=place, folder=folder)
    made.run("python", "-m", "pip", "install", "--no-deps", "--no-index", *wheels)
    packages = made.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    behind = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # Lines of the .pth files over there are not followed, so that no editable install is seen.
    (Path(packages.strip()) / "behind.pth").write_text("\n".join(sorted(behind)))
    return made


def _run(command: list[object], cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=_environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(variables)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    until = time.monotonic() + _START
    while time.monotonic() < until and process.poll() is None:
        found = _LISTENS.search(log.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"nothing listens:\n{log.read_text()}")

"""Others' buyers: installed once into a cache, run as child processes, never changed.

The cache is `TILLWAY_TEST_CACHE`, or pytest's own. A folder in it is named for everything
that decides its content, is made under another name and renamed when complete.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal

from attrs import frozen
from solders.keypair import Keypair

HERE: Final = Path(__file__).parent
NPM: Final = HERE / "npm"
PYTHON: Final = HERE / "python"
_PINS: Final = ("package.json", "package-lock.json", ".npmrc", "no-wallets")
_INSTALL: Final = 240  # seconds
_RUN: Final = 90  # seconds
# What npm says when it cannot fetch, as against when the lockfile is wrong.
_UNREACHABLE: Final = re.compile(
    r"code (ENOTFOUND|EAI_AGAIN|ECONN\w+|ENETUNREACH|E\w*TIMEDOUT|ERR_SOCKET_TIMEOUT|E40[134]"
    r"|E5\d\d|ETARGET|\w*CERT\w*)"
)


class Unavailable(Exception):
    """The clients cannot be had on this machine; the text says why."""


class Broke(Exception):
    """A script ended with an error; the text is what it said."""


@frozen(kw_only=True)
class Purchase:
    """What a client printed: the last answer's status and body, and the decoded receipt."""

    status: int
    body: Any
    receipt: dict[str, Any] | None


@frozen(kw_only=True)
class Client:
    """One official client: how it is run, and which version of x402 it speaks to us."""

    version: Literal[1, 2]
    command: tuple[str | Path, ...]

    def buy(self, url: str, rpc_url: str, wallet: Keypair, *caps: str) -> Purchase:
        """Let it ask for a URL and pay what it is asked. Raises Broke when it gives up."""
        return Purchase(**run([*self.command, url, rpc_url, *caps], SECRET=str(wallet)))


def run(command: Iterable[str | Path], **environment: str) -> dict[str, Any]:
    """Run a script and read the JSON line that it prints. Raises Broke."""
    read: dict[str, Any] = json.loads(printed(command, **environment))
    return read


def printed(command: Iterable[str | Path], **environment: str) -> str:
    """Run a script and give what it prints. Raises Broke when it ends with an error."""
    no_proxy = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [*command],
        env={**os.environ, **no_proxy, **environment},
        capture_output=True,
        text=True,
        timeout=_RUN,
        check=False,
    )
    if done.returncode:
        raise Broke(done.stderr)
    return done.stdout


def python_environment(cache: Path) -> Path:
    """Give the interpreter of an environment with the pinned Python SDK and nothing of ours."""
    pins = (PYTHON / "requirements.txt").read_bytes()
    folder = cache / f"python-{_digest([sys.version.encode(), pins])}"
    return _made(folder, _install_python) / "bin" / "python"


def _install_python(folder: Path) -> None:
    pins, interpreter = PYTHON / "requirements.txt", folder / "bin" / "python"
    if uv := shutil.which("uv"):
        _install([uv, "venv", "-q", "--python", sys.executable, folder])
        _install([uv, "pip", "install", "-q", "--python", interpreter, "-r", pins])
        return
    venv.create(folder, with_pip=True)
    _install([interpreter, "-m", "pip", "install", "-q", "-r", pins])


def npm_scripts(cache: Path, workspace: Path) -> Path:
    """Put our scripts beside the installed npm packages. Raises Unavailable."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        raise Unavailable(f"the npm clients run on node: not on the PATH: {', '.join(missing)}")
    pinned = [path for name in _PINS for path in sorted((NPM / name).glob("*")) or [NPM / name]]
    folder = cache / f"npm-{_digest(path.read_bytes() for path in pinned)}"
    installed = _made(folder, _install_npm)
    for script in NPM.glob("*.mjs"):
        shutil.copy(script, workspace)
    (workspace / "node_modules").symlink_to(installed / "node_modules")
    return workspace


def _install_npm(folder: Path) -> None:
    for name in _PINS:
        source = NPM / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    _install(["npm", "ci", *quiet], cwd=folder)


def _install(command: list[str | Path], cwd: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL, check=False
    )
    if done.returncode and (reason := _UNREACHABLE.search(done.stderr)):
        raise Unavailable(f"{command[0]} cannot fetch the clients: {reason[0]}")
    assert done.returncode == 0, done.stderr


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _made(folder: Path, make: Callable[[Path], None]) -> Path:
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        make(staging)
        staging.rename(folder)
    except OSError:
        # Another run has been faster: what it made is the same.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder

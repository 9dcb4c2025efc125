"""Open the database and bring its schema up to date."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tillway.adapters.stores.migrations import Migration, behind, migrations_of
from tillway.adapters.stores.sqlite.faults import Patience, fault, is_fault, unavailable
from tillway.adapters.stores.sqlite.room import check_disk
from tillway.core.ports.upkeep import Step

_APPLICATION: Final = 0x54696C6C
"""Marks the file as ours: "Till" in ASCII."""

_OLDEST_SQLITE: Final = (3, 37, 0)
"""The first version with STRICT tables."""

_PACKAGE: Final = "tillway.adapters.stores.sqlite"
_JOURNAL_BYTES: Final = 64 * 1024 * 1024
_READERS_WAIT: Final = 5.0
"""Seconds; readers wait only while a crashed process's journal is read again."""


def connect(path: Path, *, reading: bool = False) -> sqlite3.Connection:
    """Open a connection to a database that exists."""
    # Writers wait by Patience, whose pauses vary; SQLite's own do not.
    wait = _READERS_WAIT if reading else 0.0
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait)
    connection.isolation_level = None  # transactions are ours to begin and end
    # FULL: what is committed has reached the disk before it is acknowledged.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
    if reading:
        connection.execute("PRAGMA query_only = ON")
    return connection


def connect_to_write(path: Path, most_bytes: int | None) -> sqlite3.Connection:
    """Open a connection that lets the database grow to so many bytes, or as far as its disk."""
    connection = connect(path)
    if most_bytes is not None:
        page = _number(connection, "page_size")
        connection.execute(f"PRAGMA max_page_count = {max(1, most_bytes // page)}")
    return connection


def migrations() -> Sequence[str]:
    """Give the steps from an empty database to the present schema, in their order."""
    return [each.sql for each in migrations_of(_PACKAGE)]


def prepare(path: Path, patience: Patience, *, migrates: bool) -> None:
    """Create the database if there is none, for its owner's eyes only, and migrate it.

    Unless others migrate it. Several processes may do so at once. Raises Unavailable with the
    path and the cause, a disk that is full among them.
    """
    if not migrates and (left := pending(path, patience)):
        raise behind(str(path), left)
    while take_step(path, patience):
        pass


def pending(path: Path, patience: Patience) -> Sequence[Step]:
    """Give the steps that are still to be taken. Raises Unavailable like ``prepare``."""
    with told_of(path):
        done = patience.call(partial(_seen, path))
    return [each.step for each in migrations_of(_PACKAGE)[done:]]


def take_step(path: Path, patience: Patience) -> Step | None:
    """Take the next step and give it, None if all are taken.

    Raises Unavailable like ``prepare``, also if the database is there and cannot be written to.
    """
    with told_of(path):
        _create(path)
        return patience.call(partial(_taken, path))


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """Raise Unavailable with the path and the cause where the database is at fault."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise unavailable(f"needs SQLite 3.37 or newer, not {sqlite3.sqlite_version}")
    try:
        yield
    except OSError as error:
        raise unavailable(f"{path} cannot be opened ({error.strerror})") from error
    except sqlite3.Error as error:
        if is_fault(error):
            raise unavailable(f"{path} {fault(error)} ({error})") from error
        raise


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite would fail in one way or another, and leave an empty file behind.
    check_disk(path)
    # It holds secrets. SQLite gives its journals the mode of the database.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _seen(path: Path) -> int:
    try:
        path.stat()
    except FileNotFoundError:
        return 0
    with closing(connect(path, reading=True)) as connection:
        return known_version(connection, path)


def _taken(path: Path) -> Step | None:
    with closing(connect(path)) as connection:
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise unavailable(f"{path} is on a disk that cannot share it between processes")
        # Also shows at once whether the database can be written to.
        connection.execute("BEGIN IMMEDIATE")
        left = migrations_of(_PACKAGE)[known_version(connection, path) :]
        if left:
            _apply(connection, left[0])
        connection.execute("COMMIT")
        return left[0].step if left else None


def _apply(connection: sqlite3.Connection, next_: Migration) -> None:
    for statement in _statements(next_.sql):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {next_.step.version}")


def known_version(connection: sqlite3.Connection, path: Path) -> int:
    """Give the version of the schema, if it is one that this program can work with."""
    version, known = _number(connection, "user_version"), len(migrations_of(_PACKAGE))
    application = _number(connection, "application_id")
    fresh = version == 0 and _number(connection, "schema_version") == 0
    if not fresh and application != _APPLICATION:
        raise unavailable(f"{path} is another program's database")
    if version > known:
        raise unavailable(f"{path} was made by a newer version of Tillway (schema {version})")
    return version


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""Copy a database into a new file while others write to it.

The copy is made beside its place and takes its name only when it is whole, checked and on the
disk: a file of that name is a backup, whatever happens on the way.
"""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from tillway.adapters.stores.sqlite.faults import fault, unavailable
from tillway.adapters.stores.sqlite.schema import connect, known_version, told_of

Progress = Callable[[int, int], object]
"""Told how many of how many pages are done."""

_PAGES: Final = 512
"""Copied between two calls of the progress: two megabytes."""


def back_up(path: Path, file: Path, progress: Progress) -> None:
    """Copy the database as it stands now. FileExistsError if the file is there already.

    Raises Unavailable if the database is at fault, OSError if the place of the copy is.
    """
    with told_of(path):
        source = connect(path, reading=True)
    with closing(source), _beside(file) as part:
        with told_of(path):
            known_version(source, path)
            _hold(source)
        with _blaming(file):
            _copy(source, part, progress)
            _check(part, file)
        _name(part, file)


def _hold(source: sqlite3.Connection) -> None:
    """Hold one moment of the database: else each write of others would have us begin again."""
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def _copy(source: sqlite3.Connection, part: Path, progress: Progress) -> None:
    def told(_: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    with closing(sqlite3.connect(part, isolation_level=None)) as target:
        # Until it has its name nobody misses it, so that it needs no journal.
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target, pages=_PAGES, progress=told)


def _check(part: Path, file: Path) -> None:
    # Immutable, or SQLite would put a journal beside it.
    address = f"{part.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as copy:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            raise unavailable(f"cannot be copied to {file}: the copy is damaged ({found[0]})")
        known_version(copy, file)


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Give a file beside the place of the copy, for its owner's eyes only; it is gone later."""
    if os.path.lexists(file):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from None
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(f"cannot be copied to {file}: it {fault(error)} ({error})") from error


def _name(part: Path, file: Path) -> None:
    """Have it on the disk, then under its name, which no other file loses by it."""
    _sync(part)
    try:
        os.link(part, file)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file)) from None
    except OSError:
        # Some disks have no second names. There, whoever takes the name just now loses it.
        os.rename(part, file)
    _sync(file.parent)


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What SQLite's errors mean to the caller, and patience with other processes."""

import random
import sqlite3
import time
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import frozen

from tillway.core.errors import Code, Unavailable

T = TypeVar("T")

_TEXTS: Final = {
    sqlite3.SQLITE_PERM: "may not be opened",
    sqlite3.SQLITE_BUSY: "is kept busy by another process",
    sqlite3.SQLITE_LOCKED: "is kept busy by another process",
    sqlite3.SQLITE_NOMEM: "has run out of memory",
    sqlite3.SQLITE_READONLY: "cannot be written to",
    sqlite3.SQLITE_IOERR: "has a disk that fails",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_FULL: "is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "is kept busy by another process",
    sqlite3.SQLITE_NOLFS: "has grown too large for its disk",
    sqlite3.SQLITE_AUTH: "may not be used",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database",
}
"""By primary result code (https://sqlite.org/rescode.html); any other is a plain failure."""

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_BUGS: Final = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
)
_LONGEST_PAUSE: Final = 0.025


def fault(error: sqlite3.Error) -> str:
    """Say in a few words what is wrong with the database."""
    return _TEXTS.get(_primary(error), "has failed")


def is_fault(error: sqlite3.Error) -> bool:
    """Tell whether the database is at fault, and not the question that we put to it."""
    return not isinstance(error, _BUGS)


def told(error: Exception) -> Exception:
    """Give what callers are told: Unavailable where the database is at fault, else the error."""
    if not isinstance(error, sqlite3.Error) or not is_fault(error):
        return error
    failure = unavailable(fault(error))
    failure.__cause__ = error
    return failure


def unavailable(fault: str) -> Unavailable:
    """Give the error that callers get while the database is at fault."""
    return Unavailable(Code.SERVICE_UNAVAILABLE, f"The store {fault}.", retry_after=1.0)


@frozen(kw_only=True)
class Patience:
    """Try again while another process holds the database, for at most ``seconds``.

    Pauses grow and vary, so that processes that collided do not collide again.
    """

    seconds: float
    jitter: Callable[[], float] = random.random

    def call(self, work: Callable[[], T]) -> T:
        """Give what the work gives; the last error when patience ends."""
        deadline, pause = time.monotonic() + self.seconds, 0.0005
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if _primary(error) not in _BUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(pause * (0.5 + self.jitter()))
            pause = min(pause * 2, _LONGEST_PAUSE)


def _primary(error: sqlite3.Error) -> int:
    # Errors that the module itself raises carry no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF

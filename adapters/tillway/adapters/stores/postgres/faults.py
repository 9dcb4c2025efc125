"""What PostgreSQL's errors mean to the caller."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import asyncpg

from tillway.core.errors import Code, Declined, Unavailable

_BUSY: Final = "is kept busy by others"
_LOST: Final = "has lost its connection"

FAULTS: Final[Mapping[str, str]] = {
    "08": _LOST,
    "25006": "cannot be written to",
    "25P03": "has given up waiting for us",
    "25P04": "has given up waiting for us",
    "28": "refuses this user",
    "3D": "has no such database",
    "3F": "lacks its tables",
    "40": _BUSY,
    "42883": "lacks its tables",
    "42P01": "lacks its tables",
    "53": "has run out of resources",
    "53100": "is full",
    "53200": "has run out of memory",
    "53300": "has no connection left",
    "55006": _BUSY,
    "55P03": _BUSY,
    "57": "is not at work",
    "57014": _BUSY,
    "57P03": "is not at work yet",
    "58": "has a system that fails",
    "58030": "has a disk that fails",
    "F0": "is not set up",
    "XX": "has failed",
    "XX001": "is damaged",
    "XX002": "is damaged",
}
"""By SQLSTATE or its class (https://www.postgresql.org/docs/current/errcodes-appendix.html).
What is not here is wrong with the question."""

_COLLISIONS: Final = frozenset({"40001", "40P01", "55P03"})


def fault(error: BaseException) -> str | None:
    """Say in a few words what is wrong with the database; None if it is the question."""
    if isinstance(error, asyncpg.PostgresError):
        state = str(getattr(error, "sqlstate", None) or "")
        return FAULTS.get(state) or FAULTS.get(state[:2])
    if isinstance(error, TimeoutError):
        return "does not answer"
    if isinstance(error, OSError | EOFError | asyncpg.InternalClientError):
        return _LOST
    return None


def collided(error: BaseException) -> bool:
    """Tell whether others stood in the way, so that the same may pass if tried again."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True  # the schema has moved on since the statement was prepared
    return getattr(error, "sqlstate", None) in _COLLISIONS


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection is gone, so that another may do."""
    return fault(error) == _LOST


def unavailable(fault: str) -> Unavailable:
    """Give the error that callers get while the database is at fault."""
    return Unavailable(Code.SERVICE_UNAVAILABLE, f"The store {fault}.", retry_after=1.0)


@contextmanager
def understood() -> Iterator[None]:
    """Raise Unavailable for what is the database's fault, anything else as it is.

    A total that would leave 64 bits is Declined.
    """
    try:
        yield
    except asyncpg.NumericValueOutOfRangeError as error:
        raise Declined(Code.INVALID_AMOUNT, "amount is too large") from error
    except Exception as error:
        said = _BUSY if collided(error) else fault(error)
        if said is None:
            raise
        raise unavailable(said) from error

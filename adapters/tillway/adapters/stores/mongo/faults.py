"""What the driver's errors mean to the caller."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from bson.errors import BSONError, InvalidBSON, InvalidDocument, InvalidId, InvalidStringData
from pymongo import errors

from tillway.core.errors import Code, Unavailable

_LOST: Final = "has lost its connection"
_AWAY: Final = "cannot be reached"
_SILENT: Final = "does not answer"
_BUSY: Final = "is kept busy by others"
_NO_PRIMARY: Final = "has no primary at work"
_UNSURE: Final = "could not confirm a write"
_TOO_MUCH: Final = "cannot take so much at once"

FAULTS: Final[Mapping[type[Exception], str | None]] = {
    errors.PyMongoError: "has failed",
    errors.ProtocolError: "does not speak as MongoDB does",
    errors.ConnectionFailure: _LOST,
    errors.WaitQueueTimeoutError: _BUSY,
    errors.AutoReconnect: _LOST,
    errors.NetworkTimeout: _SILENT,
    errors.NotPrimaryError: _NO_PRIMARY,
    errors.ServerSelectionTimeoutError: _AWAY,
    errors._OperationCancelled: _LOST,
    errors.ConfigurationError: "is not set up as we need it",
    errors.InvalidURI: "is not named by a URL like mongodb://user:password@host:27017",
    errors.OperationFailure: None,
    errors.CursorNotFound: _LOST,
    errors.ExecutionTimeout: _BUSY,
    errors.WriteConcernError: _UNSURE,
    errors.WTimeoutError: _UNSURE,
    errors.WriteError: None,
    errors.DuplicateKeyError: None,
    errors.BulkWriteError: None,
    errors.ClientBulkWriteException: None,
    errors.InvalidOperation: None,
    errors.InvalidName: None,
    errors.CollectionInvalid: None,
    errors.DocumentTooLarge: _TOO_MUCH,
    errors.EncryptionError: None,
    errors.EncryptedCollectionError: None,
    BSONError: None,
    InvalidBSON: "is damaged",
    InvalidDocument: None,
    InvalidId: None,
    InvalidStringData: None,
}
"""By class; a test holds it complete. None: the question is wrong, or its code says more."""

CODES: Final[Mapping[int, str]] = {
    6: _AWAY,
    7: _AWAY,
    13: "refuses this user",
    18: "refuses this user",
    24: _BUSY,
    46: _BUSY,
    50: _BUSY,
    64: _UNSURE,
    79: "is not set up as we need it",
    89: _SILENT,
    91: "is not at work",
    100: "has too few members at work",
    112: _BUSY,
    133: "has no shard at work",
    134: "is not at work yet",
    189: _NO_PRIMARY,
    202: _BUSY,
    262: _BUSY,
    8000: "refuses this user",
    9001: _LOST,
    10058: _NO_PRIMARY,
    10107: _NO_PRIMARY,
    10334: _TOO_MUCH,
    11600: "is not at work",
    11602: _NO_PRIMARY,
    13388: "is being moved",
    13435: _NO_PRIMARY,
    13436: _NO_PRIMARY,
    14031: "is full",
    17280: _TOO_MUCH,
    17420: _TOO_MUCH,
}
"""By the server's code (https://www.mongodb.com/docs/manual/reference/error-codes/)."""

_UNSENT: Final = (errors.ServerSelectionTimeoutError, errors.WaitQueueTimeoutError)


def fault(error: BaseException) -> str | None:
    """Say in a few words what is wrong with the database; None if it is the question."""
    if isinstance(error, errors.OperationFailure):
        return _said(error)
    for kind in type(error).__mro__:
        if kind in FAULTS:
            return FAULTS[kind]
    return _LOST if isinstance(error, OSError | EOFError) else None


def was_sent(failure: Unavailable) -> bool:
    """Tell whether what failed may have reached the server, and so may have happened."""
    return not isinstance(failure.__cause__, (*_UNSENT, InvalidDocument))


def is_too_much(failure: Unavailable) -> bool:
    """Tell whether a document was too large to be written."""
    return _TOO_MUCH in failure.message


def unavailable(fault: str) -> Unavailable:
    """Give the error that callers get while the database is at fault."""
    return Unavailable(Code.SERVICE_UNAVAILABLE, f"The store {fault}.", retry_after=1.0)


@contextmanager
def understood() -> Iterator[None]:
    """Raise Unavailable for what is the database's fault, anything else as it is."""
    try:
        yield
    except Exception as error:
        said = fault(error)
        if said is None:
            raise
        raise unavailable(said) from error


def _said(error: errors.OperationFailure) -> str | None:
    details = error.details or {}
    each = (*details.get("writeErrors", ()), *details.get("writeConcernErrors", ()))
    codes = (error.code or 0, *(int(one.get("code", 0)) for one in each))
    by_code = (CODES[code] for code in codes if code in CODES)
    by_class = FAULTS.get(type(error))
    if details.get("writeConcernErrors"):
        by_class = _UNSURE
    return next(by_code, by_class)

"""What can go wrong, by what the caller may do next.

    TillwayError
    ├── Declined      asking again will not help
    ├── Unavailable   nothing was sent: ask again
    └── Unsettled     sent, but no answer: look it up, never resend

Every error carries a `Code` (what went wrong) and a message that a buyer may read. Technical text
never stands in the message: chain the cause (`raise ... from error`) and it reaches the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import frozen

from tillway.core.codes import RETRYABLE, Code, message_of

__all__ = ["Code", "Declined", "Fault", "TillwayError", "Unavailable", "Unsettled"]

Details = Mapping[str, object]


@frozen(kw_only=True)
class Fault:
    """One thing wrong with one field of what was asked.

    `field` is the field's path as the asker wrote it (`items[2].quantity`), or empty when the
    whole is at fault.
    """

    field: str
    message: str


class TillwayError(Exception):
    """An outcome that is not the one asked for. Never raised itself.

    `details` is for machines and goes to the wire as it is: nothing secret, only what JSON has.
    """

    def __init__(
        self, code: Code, message: str | None = None, *, details: Details | None = None
    ) -> None:
        self.code = code
        self.message = message_of(code) if message is None else message
        self.details: Details = dict(details or {})
        super().__init__(code, self.message)

    @property
    def retryable(self) -> bool:
        """Tell whether the same request may succeed later. A fact of the code alone."""
        return self.code in RETRYABLE

    def __str__(self) -> str:
        """Give the code and the message, as a log line wants them."""
        return f"{self.code}: {self.message}"


class Declined(TillwayError):
    """The answer is no, and it stays no. Nothing was granted.

    `field` is the path of the field at fault. `reason` is the rail's own word for the refusal
    (for x402, what `invalidReason` takes), for faces that speak the rail's protocol. `reference` is
    the rail's id of what was sent, if anything was: a payment that was tried and failed.
    """

    def __init__(
        self,
        code: Code,
        message: str | None = None,
        *,
        field: str | None = None,
        details: Details | None = None,
        reason: str | None = None,
        reference: str | None = None,
    ) -> None:
        super().__init__(code, message, details=details)
        self.field = field
        self.reason = reason
        self.reference = reference

    @classmethod
    def for_faults(cls, faults: Sequence[Fault], code: Code = Code.INVALID_FIELD) -> Self:
        """Name all faults at once, in the order given; `details.fields` lists them.

        Raises ValueError when there are none: nothing is declined for no reason.
        """
        if not faults:
            raise ValueError("no faults to decline")
        listed = [{"field": fault.field, "message": fault.message} for fault in faults]
        message = "; ".join(fault.message for fault in faults)
        return cls(code, message, field=faults[0].field, details={"fields": listed})


class Unavailable(TillwayError):
    """Something we need did not answer. Nothing can have been sent, nothing has changed.

    `retry_after` is in seconds, when the other side or a breaker named it.
    """

    def __init__(
        self,
        code: Code = Code.SERVICE_UNAVAILABLE,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        details: Details | None = None,
    ) -> None:
        super().__init__(code, message, details=details)
        self.retry_after = retry_after


class Unsettled(TillwayError):
    """It was sent and may have happened; nobody has said yet.

    Look it up by `reference` (the rail's id of what was sent, if it has one), never send another.
    `retry_after` is in seconds: when a look may tell more.
    """

    def __init__(
        self,
        code: Code = Code.TRANSACTION_NOT_CONFIRMED,
        message: str | None = None,
        *,
        reference: str | None = None,
        retry_after: float | None = None,
        details: Details | None = None,
    ) -> None:
        super().__init__(code, message, details=details)
        self.reference = reference
        self.retry_after = retry_after

"""A refund: money on its way back, from the request to the proof."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from attrs import frozen

from tillway.core.disputes import taken_back
from tillway.core.ids import RefundId
from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment
from tillway.core.tenancy import Tenant


class RefundState(StrEnum):
    """What has been decided about a refund, and done."""

    PENDING = "pending"
    APPROVED = "approved"
    PROCESSED = "processed"
    DENIED = "denied"
    EXPIRED = "expired"


LIVE: frozenset[RefundState] = frozenset(
    {RefundState.PENDING, RefundState.APPROVED, RefundState.PROCESSED}
)
"""The states in which a refund takes its share of what was paid."""

UNAPPLIED: Final = "unapplied"
"""The origin of a refund that nobody asked for: its money bought nothing."""

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When a refund expires that waits until it is decided."""


@frozen(kw_only=True)
class Refund:
    """Some of what was paid for ``purchase``, to be paid to ``recipient``.

    ``purchase`` names the payment as its rail does (a transaction's signature, ``stripe:...``).
    ``origin`` says why there is a refund: a request, or money that bought nothing.
    """

    id: RefundId
    tenant: Tenant
    purchase: str
    recipient: str
    amount: Money
    created_at: datetime
    expires_at: datetime
    reason: str = ""
    origin: str = "request"
    metadata: Mapping[str, str] = {}
    state: RefundState = RefundState.PENDING
    processed_at: datetime | None = None
    processed_by: str | None = None
    signature: str | None = None


def is_paid_back(paid: Payment, refunds: Iterable[Refund]) -> bool:
    """Tell whether all that was paid has gone back: some of it may for something else.

    What a bank has taken is gone too.
    """
    gone = paid_back(refunds)
    return bool(gone) and gone + taken_back(paid) >= paid_in_all(paid).minor


def paid_back(refunds: Iterable[Refund]) -> int:
    """Give what has gone back by refunds, in minor units."""
    return sum(each.amount.minor for each in refunds if each.state is RefundState.PROCESSED)

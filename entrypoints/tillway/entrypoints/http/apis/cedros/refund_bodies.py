"""The JSON bodies of refunds, in the words of the Cedros contract."""

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import frozen

from tillway.entrypoints.http.wire import wire

_ID = 255
_KEY = 64
_REASON = 500
NO_PURCHASE = "originalPurchaseId required (must be a Solana transaction signature)"

Status = Literal["pending", "approved", "processed", "denied", "expired"]


@frozen(kw_only=True)
class RefundRequest:
    """What is asked for. Of a purchase by card (``stripe:...``) only its id is required.

    The signature stands in the headers, or here.
    """

    original_purchase_id: str = wire(missing=NO_PURCHASE, longest=_ID)
    recipient_wallet: str | None = wire(default=None, longest=_ID)
    amount: float | None = wire(default=None, doc="In major units.")
    token: str | None = wire(default=None, longest=_KEY)
    reason: str = wire(default="", longest=_REASON)
    metadata: Mapping[str, str] = wire(factory=dict)
    nonce: str | None = wire(default=None, longest=_KEY)
    signer: str | None = wire(default=None, longest=_KEY)
    signature: str | None = wire(default=None, longest=128)


@frozen(kw_only=True)
class RefundDecision:
    """Which refund is approved or denied. The signature stands in the headers, or here."""

    refund_id: str = wire(missing="refundId required", longest=_ID)
    reason: str = wire(default="", longest=_REASON)
    nonce: str | None = wire(default=None, longest=_KEY)
    signer: str | None = wire(default=None, longest=_KEY)
    signature: str | None = wire(default=None, longest=128)


@frozen(kw_only=True)
class RefundsAsked:
    """A signature in the body, where it is in no header, and how many refunds to give."""

    limit: int = wire(default=100, least=1, most=1000)
    nonce: str | None = wire(default=None, longest=_KEY)
    signer: str | None = wire(default=None, longest=_KEY)
    signature: str | None = wire(default=None, longest=128)


@frozen(kw_only=True)
class RefundRequested:
    """The request as it waits."""

    refund_id: str
    status: Status
    original_purchase_id: str
    recipient_wallet: str
    amount: float
    token: str
    reason: str
    created_at: str = wire(format="date-time")
    message: str


@frozen(kw_only=True)
class RefundApproved:
    """How the refund is paid: an x402 v0 requirement, null for one by card."""

    refund_id: str
    status: Status
    quote: Mapping[str, object] | None
    expires_at: str = wire(format="date-time")


@frozen(kw_only=True)
class RefundDenied:
    """It is."""

    success: bool
    message: str


@frozen(kw_only=True)
class PendingRefund:
    """A refund that waits to be decided, or to be paid out."""

    id: str
    original_purchase_id: str
    recipient_wallet: str
    amount: float
    token: str
    reason: str
    status: Status
    origin: str
    created_at: str = wire(format="date-time")
    expires_at: str = wire(format="date-time")
    metadata: Mapping[str, str]


@frozen(kw_only=True)
class PendingRefunds:
    """Newest first."""

    refunds: Sequence[PendingRefund]
    count: int


@frozen(kw_only=True)
class RefundShown:
    """A refund, whatever became of it."""

    refund_id: str
    status: Status
    original_purchase_id: str
    recipient_wallet: str
    amount: float
    token: str
    reason: str | None
    created_at: str = wire(format="date-time")
    processed_at: str | None = wire(format="date-time")
    processed_by: str | None
    signature: str | None

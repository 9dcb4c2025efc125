"""The JSON bodies by which nonces are asked for."""

from attrs import frozen

from tillway.core.services.nonces import LONGEST_PURPOSE
from tillway.entrypoints.http.wire import wire


@frozen(kw_only=True)
class NonceRequest:
    """What a nonce is to be signed for: `refund_approve`, `list-pending-refunds` and so on."""

    purpose: str = wire(missing="purpose required", longest=LONGEST_PURPOSE)


@frozen(kw_only=True)
class NonceAnswer:
    """A nonce, good once and until ``expires_at``, in seconds since 1970."""

    nonce: str
    expires_at: int
    purpose: str

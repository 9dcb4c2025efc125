"""How refunds look on the wire."""

from tillway.core.refunds import Refund
from tillway.entrypoints.http.apis.cedros.texts import major, moment, seconds

REQUESTED = "Refund request submitted successfully. An admin will review and process your request."


def requested(refund: Refund) -> dict[str, object]:
    """Write a request as it was taken."""
    return {
        "refundId": refund.id,
        "status": refund.state.value,
        **_what(refund),
        "reason": refund.reason,
        "createdAt": seconds(refund.created_at),
        "message": REQUESTED,
    }


def waiting(refund: Refund) -> dict[str, object]:
    """Write one of the list of those that wait."""
    return {
        "id": refund.id,
        **_what(refund),
        "reason": refund.reason,
        "status": refund.state.value,
        "origin": refund.origin,
        "createdAt": moment(refund.created_at),
        "expiresAt": moment(refund.expires_at),
        "metadata": dict(refund.metadata),
    }


def shown(refund: Refund) -> dict[str, object]:
    """Write one for whoever knows its id."""
    return {
        "refundId": refund.id,
        "status": refund.state.value,
        **_what(refund),
        "reason": refund.reason or None,
        "createdAt": moment(refund.created_at),
        "processedAt": moment(refund.processed_at) if refund.processed_at else None,
        "processedBy": refund.processed_by,
        "signature": refund.signature,
    }


def _what(refund: Refund) -> dict[str, object]:
    return {
        "originalPurchaseId": refund.purchase,
        "recipientWallet": refund.recipient,
        "amount": major(refund.amount),
        "token": refund.amount.asset.code,
    }

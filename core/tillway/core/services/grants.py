"""What a buyer receives."""

from collections.abc import Mapping

from tillway.core.payments import Payment


def grant_of(payment: Payment) -> Mapping[str, object]:
    """Give the answer that grants the purchase, as it is stored and sent for every repeat."""
    return {
        "success": True,
        "resource": payment.purchase.resource,
        "granted": True,
        "method": payment.method,
        "wallet": payment.payer or None,
        "signature": payment.signature or None,
    }

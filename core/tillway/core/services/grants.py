"""What a buyer receives, and what the seller hears of it."""

from collections.abc import Mapping

from tillway.core.assets import AssetKind
from tillway.core.events import Event
from tillway.core.ids import EventId
from tillway.core.money import Money
from tillway.core.payments import Payment

PAYMENT_SUCCEEDED = "payment.succeeded"


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


def succeeded(event_id: EventId, payment: Payment) -> Event:
    """Give the fact of a settled payment, in the fields of the Cedros payment callback."""
    at = payment.ended_at or payment.created_at
    return Event(
        id=event_id,
        tenant=payment.tenant,
        type=PAYMENT_SUCCEEDED,
        at=at,
        body={
            "resource": payment.purchase.resource,
            "method": payment.method,
            **_amount(payment.amount),
            "wallet": payment.payer,
            "proofSignature": payment.signature,
            "coupons": list(payment.coupons),
            "metadata": dict(payment.metadata),
        },
    )


def _amount(amount: Money) -> Mapping[str, object]:
    if amount.asset.kind is AssetKind.FIAT:
        return {"fiatAmountCents": amount.minor, "fiatCurrency": amount.asset.code.lower()}
    return {"cryptoAtomicAmount": amount.minor, "cryptoToken": amount.asset.code}

"""What the seller hears of a payment. One turn of it is told once, however often it is written."""

from collections.abc import Mapping, Sequence
from typing import Final

from tillway.core.assets import AssetKind
from tillway.core.events import Event
from tillway.core.ids import STRIPE_PREFIX, event_id_of
from tillway.core.money import Money
from tillway.core.payments import Payment, State
from tillway.core.quotes import Purpose
from tillway.core.services.paying.grants import method_of

PAYMENT_SUCCEEDED: Final = "payment.succeeded"
PAYMENT_UNAPPLIED: Final = "payment.unapplied"
PAYMENT_REVERSED: Final = "payment.reversed"
PAYMENT_DISPUTED: Final = "payment.disputed"
REFUND_EXCESS: Final = "refund.excess"

_TYPES: Final = {
    State.SETTLED: PAYMENT_SUCCEEDED,
    State.UNAPPLIED: PAYMENT_UNAPPLIED,
    State.REVERSED: PAYMENT_REVERSED,
}

_OF_REFUNDS: Final = {State.UNAPPLIED: REFUND_EXCESS, State.REVERSED: PAYMENT_REVERSED}


def facts_of(payment: Payment) -> Sequence[Event]:
    """Give the facts of a payment's present state, which is to be stored with them.

    The fields are those of the Cedros payment callback; of money that bought nothing, or is
    gone, they say why. Nothing is told of what never arrived. Of what pays a refund the refund
    tells, unless nothing was due.
    """
    kind = _TYPES.get(payment.state)
    if payment.purchase.purpose is Purpose.REFUND:
        kind = _OF_REFUNDS.get(payment.state) if payment.grant is None else None
    return () if kind is None else (fact_of(kind, payment),)


def fact_of(kind: str, payment: Payment) -> Event:
    """Write a fact of a payment as it stands."""
    return Event(
        id=event_id_of(kind, payment.tenant, payment.chain, payment.key, f"{payment.turn}"),
        tenant=payment.tenant,
        type=kind,
        at=payment.ended_at or payment.created_at,
        body={**_body(payment), **_why(payment)},
    )


def _body(payment: Payment) -> Mapping[str, object]:
    return {
        "resource": payment.purchase.resource,
        "method": method_of(payment),
        **_amount(payment.amount),
        **_paid_by(payment),
        "coupons": list(payment.coupons),
        "metadata": dict(payment.metadata),
    }


def _paid_by(payment: Payment) -> Mapping[str, object]:
    """Say who paid, and by what: the contract has other words for a card than for a wallet."""
    if not payment.signature.startswith(STRIPE_PREFIX):
        return {"wallet": payment.payer, "proofSignature": payment.signature}
    session = payment.signature.removeprefix(STRIPE_PREFIX)
    return {"stripeSessionId": session, "stripeCustomer": payment.payer}


def _why(payment: Payment) -> Mapping[str, object]:
    if payment.code is None:
        return {}
    return {"code": payment.code.value, "reason": payment.reason}


def _amount(amount: Money) -> Mapping[str, object]:
    if amount.asset.kind is AssetKind.FIAT:
        return {"fiatAmountCents": amount.minor, "fiatCurrency": amount.asset.code.lower()}
    return {"cryptoAtomicAmount": amount.minor, "cryptoToken": amount.asset.code}

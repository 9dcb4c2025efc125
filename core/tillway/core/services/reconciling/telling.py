"""Payments and the log: every end is told once for each turn, as it was, and nothing else is."""

from collections.abc import Iterator, Mapping, Sequence, Set
from zlib import crc32

from tillway.core.assets import AssetKind
from tillway.core.events import Event
from tillway.core.ids import STRIPE_PREFIX, EventId, event_id_of
from tillway.core.payments import Payment, State
from tillway.core.services.books.facts import (
    PAYMENT_REVERSED,
    PAYMENT_SUCCEEDED,
    PAYMENT_UNAPPLIED,
    REFUND_EXCESS,
    facts_of,
)
from tillway.core.services.reconciling.desk import Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind

TOLD = frozenset({PAYMENT_SUCCEEDED, PAYMENT_UNAPPLIED, PAYMENT_REVERSED, REFUND_EXCESS})
"""The facts that are about a payment."""


def share_of(fact: EventId, shares: int) -> int:
    """Tell in which of so many shares a fact is looked for, so that each fits into memory."""
    return crc32(fact.encode()) % shares


def untold(
    payment: Payment, known: Set[EventId], share: int = 0, shares: int = 1
) -> Iterator[Finding]:
    """Compare a payment's present state with the facts of a share."""
    for fact in facts_of(payment):
        if share_of(fact.id, shares) == share and fact.id not in known:
            text = f"is {payment.state}, and no {fact.type} {fact.id} tells it"
            yield of_payment(Kind.FACT_MISSING, payment, text)


async def fact_founded(desk: Desk, event: Event) -> Sequence[Finding]:
    """Compare a fact about a payment with the payment."""
    signature = _signature(event.body)
    payment = await desk.view.payments.by_signature(event.tenant, signature)
    if payment is None:
        text = f"{event.type} tells of {signature}, which is no payment"
        return [Finding(kind=Kind.FACT_WITHOUT_PAYMENT, about=f"fact {event.id}", text=text)]
    if event.id not in _ids(event.type, payment):
        text = f"is {payment.state}, in turn {payment.turn}, and {event.type} {event.id} is told"
        return [of_payment(Kind.FACT_UNFOUNDED, payment, text)]
    return list(_differences(payment, event))


def _signature(body: Mapping[str, object]) -> str:
    """Give the signature of the payment that a fact tells of, in the words of its rail."""
    session = body.get("stripeSessionId")
    return f"{STRIPE_PREFIX}{session}" if session else str(body.get("proofSignature") or "")


def _ids(kind: str, payment: Payment) -> Iterator[EventId]:
    """Give the ids of the facts of this type that may have been told of a payment."""
    gone = payment.state is State.REVERSED
    last = payment.turn if gone or kind != PAYMENT_REVERSED else payment.turn - 1
    for turn in range(min(1, payment.turn), last + 1):
        if _fits(kind, payment, turn):
            yield event_id_of(kind, payment.tenant, payment.chain, payment.key, f"{turn}")


def _fits(kind: str, payment: Payment, turn: int) -> bool:
    """Tell whether a turn may have ended like this: of the present one its state decides."""
    if turn < payment.turn or kind == PAYMENT_REVERSED or payment.state is State.REVERSED:
        return True
    settled = payment.state is State.SETTLED
    return kind in ((PAYMENT_SUCCEEDED, REFUND_EXCESS) if settled else (PAYMENT_UNAPPLIED,))


def _differences(payment: Payment, event: Event) -> Iterator[Finding]:
    body, where = event.body, f"{event.type} {event.id}"
    if _amount(body) != _told_amount(payment):
        text = f"came to {payment.amount}, and {where} tells {_amount(body)}"
        yield of_payment(Kind.FACT_AMOUNT, payment, text)
    if body.get("resource") != payment.purchase.resource:
        text = f"was for {payment.purchase.resource}, and {where} tells {body.get('resource')}"
        yield of_payment(Kind.FACT_RESOURCE, payment, text)
    told = body.get("wallet") or body.get("stripeCustomer") or ""
    if told != (payment.payer or ""):
        text = f"came from {payment.payer}, and {where} tells {told}"
        yield of_payment(Kind.FACT_PAYER, payment, text)


def _amount(body: Mapping[str, object]) -> tuple[object, str]:
    if "fiatAmountCents" in body:
        return body["fiatAmountCents"], str(body.get("fiatCurrency")).upper()
    return body.get("cryptoAtomicAmount"), str(body.get("cryptoToken"))


def _told_amount(payment: Payment) -> tuple[object, str]:
    fiat = payment.amount.asset.kind is AssetKind.FIAT
    code = payment.amount.asset.code
    return payment.amount.minor, code.upper() if fiat else code

"""Refunds and the payments that they give back."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment, State
from tillway.core.quotes import Purpose
from tillway.core.refunds import LIVE, UNAPPLIED, Refund, RefundState
from tillway.core.services.reconciling.desk import Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.services.refunds.unapplied import is_dust


async def queued(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Look for the refund of money that bought nothing, whatever was decided about it."""
    if payment.state is not State.UNAPPLIED or not payment.amount.minor:
        return []
    ours = payment.purchase.purpose is Purpose.REFUND  # to whom nothing was due owes it us
    if ours or is_dust(payment.amount, desk.least):
        return []
    if await desk.view.refunds.of(payment.tenant, payment.signature):
        return []
    text = f"brought {payment.amount} that bought nothing, and no refund waits"
    return [of_payment(Kind.REFUND_NOT_QUEUED, payment, text)]


async def fits(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare the sum of a payment's live refunds with what was paid."""
    if payment.state not in (State.SETTLED, State.UNAPPLIED):
        return []
    refunds = await desk.view.refunds.of(payment.tenant, payment.signature)
    sums: defaultdict[str, int] = defaultdict(int)
    for each in refunds:
        if each.state in LIVE:
            sums[each.amount.asset.code] += each.amount.minor
    total, whole = sums[payment.amount.asset.code], paid_in_all(payment)
    if total <= whole.minor:
        return []
    text = f"brought {whole}, and {Money(total, whole.asset)} is given back"
    return [of_payment(Kind.REFUND_TOO_MUCH, payment, text)]


async def refund(desk: Desk, found: Refund) -> Sequence[Finding]:
    """Compare a refund with the payment that it names, and with its own state."""
    payment = await desk.view.payments.by_signature(found.tenant, found.purchase)
    if payment is None:
        text = f"is of {found.purchase}, which is no payment"
        return [_of(Kind.REFUND_WITHOUT_PURCHASE, found, text), *_proven(found)]
    return [*_differences(found, payment), *_proven(found)]


def _differences(found: Refund, payment: Payment) -> Iterator[Finding]:
    if found.amount.asset != payment.amount.asset:
        text = f"gives back {found.amount} of {payment.amount} of {payment.signature}"
        yield _of(Kind.REFUND_ASSET, found, text)
    if payment.payer and found.recipient not in (payment.payer, payment.refund_to):
        text = f"goes to {found.recipient}, and {payment.signature} came from {payment.payer}"
        yield _of(Kind.REFUND_RECIPIENT, found, text)
    waits = found.state in LIVE and found.origin == UNAPPLIED
    if waits and payment.state is not State.UNAPPLIED:
        text = f"gives back what bought nothing, and {payment.signature} is {payment.state}"
        yield _of(Kind.REFUND_OF_WHAT_BOUGHT, found, text)


def _proven(found: Refund) -> Iterator[Finding]:
    done = found.state is RefundState.PROCESSED
    if done and not (found.signature and found.processed_at):
        yield _of(Kind.REFUND_WITHOUT_PROOF, found, f"counts as paid: {found.amount}")


def _of(kind: Kind, found: Refund, text: str) -> Finding:
    return Finding(kind=kind, about=f"refund {found.id}", text=text)

"""A payment by itself: what its state asks of the rest of its row."""

from collections.abc import Callable, Iterator, Sequence

from tillway.core.payments import ENDED, Payment, State
from tillway.core.services.reconciling.desk import DAY, HOUR, Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind

ARRIVED = frozenset({State.SETTLED, State.UNAPPLIED, State.REVERSED})


async def row(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare a payment's state with the rest of it."""
    return [found for check in _CHECKS for found in check(desk, payment)]


def _granted(_: Desk, payment: Payment) -> Iterator[Finding]:
    if payment.state is State.SETTLED and payment.grant is None:
        text = "is settled without an answer for its buyer"
        yield of_payment(Kind.PAYMENT_WITHOUT_GRANT, payment, text)


def _ended(_: Desk, payment: Payment) -> Iterator[Finding]:
    if payment.state in ENDED and payment.ended_at is None:
        text = f"is {payment.state} and has no time of its end"
        yield of_payment(Kind.PAYMENT_WITHOUT_END, payment, text)
    elif payment.ended_at is not None and payment.ended_at < payment.created_at:
        text = f"ended at {payment.ended_at} and was claimed at {payment.created_at}"
        yield of_payment(Kind.PAYMENT_ENDED_BEFORE_ITS_CLAIM, payment, text)


def _reasoned(_: Desk, payment: Payment) -> Iterator[Finding]:
    reasons = frozenset({State.UNAPPLIED, State.FAILED, State.REVERSED})
    if payment.state in reasons and payment.code is None:
        text = f"is {payment.state} without a code that says why"
        yield of_payment(Kind.PAYMENT_WITHOUT_REASON, payment, text)


def _counted(_: Desk, payment: Payment) -> Iterator[Finding]:
    if payment.state in ARRIVED and payment.turn < 1:
        text = f"is {payment.state} and counts no arrival"
        yield of_payment(Kind.PAYMENT_WITHOUT_TURN, payment, text)


def _looked_at(desk: Desk, payment: Payment) -> Iterator[Finding]:
    since = desk.now - payment.lease_until
    if payment.is_live and since > HOUR:
        text = f"is {payment.state} and was left alone at {payment.lease_until}"
        yield of_payment(Kind.PAYMENT_OPEN_TOO_LONG, payment, text)


def _final(desk: Desk, payment: Payment) -> Iterator[Finding]:
    ended = payment.ended_at or payment.created_at
    if payment.watched and payment.state is not State.REVERSED and desk.now - ended > DAY:
        text = f"settled at {ended} and is not known to be final"
        yield of_payment(Kind.PAYMENT_NEVER_FINAL, payment, text)


_CHECKS: Sequence[Callable[[Desk, Payment], Iterator[Finding]]] = (
    _granted,
    _ended,
    _reasoned,
    _counted,
    _looked_at,
    _final,
)

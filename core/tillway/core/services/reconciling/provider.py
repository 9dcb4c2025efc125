"""What a provider's account shows, and what we have of it: sessions and refunds, both ways."""

import hashlib
from collections.abc import Iterator, Sequence, Set
from datetime import timedelta
from typing import Final

from tillway.core.checkouts import UNPAID, Checkout, CheckoutId, CheckoutState
from tillway.core.ids import RefundId
from tillway.core.payments import Payment, State
from tillway.core.ports.hosting import HostedSession, PayBackState, SessionStatus
from tillway.core.ports.statements import StatedRefund
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.cleanup import CHECKOUTS_KEPT
from tillway.core.services.hosted.payments import is_gone_through, signature_of
from tillway.core.services.reconciling.checkouts import session_of
from tillway.core.services.reconciling.desk import HOUR, Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind

EARLIER: Final = timedelta(days=2)
"""How long before its payment a session may have been opened, and more."""

_OURS: Final = "checkout_"


async def session(desk: Desk, provider: str, found: HostedSession) -> Sequence[Finding]:
    """Compare a session of the provider's with our checkout and our payment of it."""
    checkout = await _checkout(desk, provider, found)
    payment = await desk.view.payments.by_signature(desk.tenant, signature_of(found.id))
    if checkout is None and payment is None:
        if not (found.reference or "").startswith(_OURS):
            return []  # another's, in the same account
        if _was_cleaned_up(desk, found):
            return []
        text = f"is for {found.reference}, which is no checkout"
        return [_of(Kind.PROVIDER_SESSION_UNKNOWN, found, text)]
    known = [] if checkout is None else list(_over(desk, found, checkout))
    return [*known, *_paid(found, payment)]


def _paid(found: HostedSession, payment: Payment | None) -> Iterator[Finding]:
    if is_gone_through(found) and payment is None:
        yield _of(
            Kind.PROVIDER_PAID_NOT_BOOKED, found, f"was paid {found.amount}, and is no payment"
        )
    if payment is None or payment.state is not State.SETTLED:
        return
    if not found.paid:
        text = f"is settled, and {found.id} is {found.status} and not paid"
        yield of_payment(Kind.PROVIDER_NOT_PAID, payment, text)
    elif found.amount is not None and found.amount.asset != payment.amount.asset:
        text = f"is of {payment.amount}, and {found.id} was paid {found.amount}"
        yield of_payment(Kind.PROVIDER_CURRENCY, payment, text)
    elif found.amount is not None and found.amount != payment.amount:
        text = f"is of {payment.amount}, and {found.id} was paid {found.amount}"
        yield of_payment(Kind.PROVIDER_AMOUNT, payment, text)


def _was_cleaned_up(desk: Desk, found: HostedSession) -> bool:
    """Tell whether nobody paid, so long ago that we no longer have to know of it."""
    return not is_gone_through(found) and desk.now - found.expires_at > CHECKOUTS_KEPT - EARLIER


def _over(desk: Desk, found: HostedSession, checkout: Checkout) -> Iterator[Finding]:
    over = found.status is SessionStatus.EXPIRED and desk.now - found.expires_at > HOUR
    if over and checkout.state in UNPAID:
        text = f"is over, and checkout {checkout.id} is {checkout.state}"
        yield _of(Kind.PROVIDER_SESSION_OVER, found, text)
    done = found.status is SessionStatus.COMPLETE
    if checkout.state is CheckoutState.PAID and not done:
        text = f"is {found.status}, and checkout {checkout.id} is paid"
        yield _of(Kind.PROVIDER_SESSION_OPEN, found, text)


def missing(payment: Payment, provider: str, known: Set[str]) -> Iterator[Finding]:
    """Look for the session of a settled payment among all that the provider has."""
    name = session_of(payment)
    if name is None or payment.rail != provider or payment.state is not State.SETTLED:
        return
    if name not in known:
        text = f"came by {name}, which its provider does not have"
        yield of_payment(Kind.PROVIDER_SESSION_MISSING, payment, text)


async def refund(desk: Desk, provider: str, stated: StatedRefund) -> Sequence[Finding]:
    """Compare a refund of the provider's with ours."""
    checkout = await desk.view.checkouts.by_payment(desk.tenant, provider, stated.payment)
    if checkout is None or checkout.session is None:
        return []  # of money that is another's
    ours = await _refund(desk, stated)
    if ours is not None:
        return list(_refund_differences(stated, ours))
    if stated.refund.state is not PayBackState.DONE:
        return []
    return await _unknown(desk, checkout, stated)


async def _unknown(desk: Desk, checkout: Checkout, stated: StatedRefund) -> Sequence[Finding]:
    """Look whether it is part of a sum, where the provider told no single refunds."""
    purchase = signature_of(checkout.session or "")
    refunds = await desk.view.refunds.of(desk.tenant, purchase)
    gone = sum(each.amount.minor for each in refunds if each.state is RefundState.PROCESSED)
    if gone >= stated.refund.amount.minor:
        return []
    text = f"gave {stated.refund.amount} of {purchase} back, and is no refund here"
    return [_of_refund(Kind.PROVIDER_REFUND_UNKNOWN, stated, text)]


def _refund_differences(stated: StatedRefund, ours: Refund) -> Iterator[Finding]:
    theirs = stated.refund
    if theirs.state is PayBackState.DONE and ours.state is not RefundState.PROCESSED:
        text = f"is done, and refund {ours.id} is {ours.state}"
        yield _of_refund(Kind.PROVIDER_REFUND_NOT_BOOKED, stated, text)
    if theirs.state is PayBackState.FAILED and ours.state is RefundState.PROCESSED:
        text = f"has failed, and refund {ours.id} counts as paid"
        yield _of_refund(Kind.PROVIDER_REFUND_FAILED, stated, text)
    if theirs.amount != ours.amount:
        text = f"is of {theirs.amount}, and refund {ours.id} of {ours.amount}"
        yield _of_refund(Kind.PROVIDER_REFUND_AMOUNT, stated, text)


async def _checkout(desk: Desk, provider: str, found: HostedSession) -> Checkout | None:
    if found.reference is not None:
        known = await desk.view.checkouts.get(desk.tenant, CheckoutId(found.reference))
        if known is not None:
            return known
    return await desk.view.checkouts.by_session(desk.tenant, provider, found.id)


async def _refund(desk: Desk, stated: StatedRefund) -> Refund | None:
    if stated.refund.reference is not None:
        ours = await desk.view.refunds.get(desk.tenant, RefundId(stated.refund.reference))
        if ours is not None:
            return ours
    digest = hashlib.sha256(stated.refund.id.encode()).hexdigest()[:32]
    return await desk.view.refunds.get(desk.tenant, RefundId(f"refund_{digest}"))


def _of(kind: Kind, found: HostedSession, text: str) -> Finding:
    return Finding(kind=kind, about=f"session {found.id}", text=text)


def _of_refund(kind: Kind, stated: StatedRefund, text: str) -> Finding:
    return Finding(kind=kind, about=f"refund {stated.refund.id}", text=text)

"""Checkouts at a provider, and the payments that came of them."""

from collections.abc import Iterator, Sequence

from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.ids import STRIPE_PREFIX
from tillway.core.payments import Payment, State
from tillway.core.ports.store import View
from tillway.core.services.reconciling.desk import DAY, Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind


def session_of(payment: Payment) -> str | None:
    """Give the provider's session that a payment came by; None for one that came otherwise."""
    if not payment.signature.startswith(STRIPE_PREFIX):
        return None
    session = payment.signature.removeprefix(STRIPE_PREFIX)
    return session if session.startswith("cs_") else None


async def of_payment_in(view: View, payment: Payment) -> Checkout | None:
    """Give the checkout that a payment came by."""
    session = session_of(payment)
    if session is None:
        return None
    return await view.checkouts.by_session(payment.tenant, payment.rail, session)


async def checkout(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare a payment that came by a provider's session with our checkout of it."""
    session = session_of(payment)
    if session is None or payment.state is not State.SETTLED:
        return []
    found = await of_payment_in(desk.view, payment)
    if found is None:
        return [of_payment(Kind.CHECKOUT_MISSING, payment, f"came by {session}, unknown here")]
    return list(_differences(payment, found))


def _differences(payment: Payment, found: Checkout) -> Iterator[Finding]:
    if found.state is not CheckoutState.PAID:
        text = f"came by checkout {found.id}, which is {found.state}"
        yield of_payment(Kind.CHECKOUT_NOT_PAID, payment, text)
    if found.amount is not None and found.amount != payment.amount:
        text = f"brought {payment.amount}, and checkout {found.id} asked {found.amount}"
        yield of_payment(Kind.CHECKOUT_AMOUNT, payment, text)
    bought, asked = payment.purchase, found.purchase
    if (bought.purpose, bought.resource) != (asked.purpose, asked.resource):
        text = f"bought {bought.resource}, and checkout {found.id} was for {asked.resource}"
        yield of_payment(Kind.CHECKOUT_RESOURCE, payment, text)


def overdue(desk: Desk, found: Checkout) -> Iterator[Finding]:
    """Look at a checkout that nobody has paid, and that has expired."""
    if desk.now - found.expires_at > DAY:
        text = f"is {found.state} and ended at {found.expires_at}"
        yield Finding(kind=Kind.CHECKOUT_OVERDUE, about=f"checkout {found.id}", text=text)

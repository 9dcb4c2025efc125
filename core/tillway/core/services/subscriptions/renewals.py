"""Money of periods that a provider bills: booked as a payment of its own, once an invoice."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from tillway.core.checkouts import Checkout
from tillway.core.payments import Chain, Payment, Purchase
from tillway.core.ports.hosting import HostedSession, InvoiceTold
from tillway.core.ports.store import Claimed, UnitOfWork
from tillway.core.quotes import Purpose
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.hosted.payments import (
    MONEY,
    NOBODY,
    SUBSCRIPTION,
    key_of,
    signature_of,
)
from tillway.core.services.paying.grants import grant_of
from tillway.core.services.subscriptions.periods import BILLED, inputs_of
from tillway.core.subscription_money import FREE, Bill, billed
from tillway.core.subscriptions import Subscription

ASKED: Final = "tillway_asked"
FIRST: Final = "tillway_first"
BEGAN: Final = "tillway_began"
"""The metadata that tell when a subscription's checkout was opened, which money it brought, and as
which payment."""

_SESSION: Final = timedelta(hours=24)
"""A session is paid within that time. Whatever begins later is not what the session has paid."""


def begun_by(checkout: Checkout, session: HostedSession) -> Mapping[str, str]:
    """Give what has to be known of a checkout, to tell its money from that of later periods."""
    is_free = session.amount is None or session.amount.minor == 0
    begun = {
        ASKED: checkout.created_at.isoformat(),
        FIRST: session.payment or "",
        BEGAN: FREE if is_free else signature_of(session.id),
    }
    # The invoice tells which period that is; until it does, no later one is known.
    at = checkout.created_at
    return billed(begun, Bill(payment=begun[BEGAN], start=at, end=at))


def noted(subscription: Subscription, told: InvoiceTold) -> Subscription:
    """Note which payment a period lives by."""
    if not told.paid:
        return subscription
    payment = signature_of(told.id) if told.amount.minor else FREE
    if _is_first(subscription, told):
        payment = subscription.metadata.get(BEGAN, payment)
    bill = Bill(payment=payment, start=told.period_start, end=told.period_end)
    return evolve(subscription, metadata=billed(subscription.metadata, bill))


async def book(
    unit: UnitOfWork, subscription: Subscription, told: InvoiceTold, at: datetime
) -> None:
    """Book what an invoice has brought, in the unit that applies the news; a repeat does nothing.

    The session's own payment has brought the first one's.
    """
    if not told.paid or told.amount.minor == 0 or _is_first(subscription, told):
        return
    payment = _payment(subscription, told, at)
    if isinstance(await unit.payments.claim(payment), Claimed):
        ended = payment.settled(at, None, grant_of(payment))
        await unit.payments.settle(ended, facts_of(ended), entries_of(ended))


def _is_first(subscription: Subscription, told: InvoiceTold) -> bool:
    first = subscription.metadata.get(FIRST)
    if first and told.payment:
        return first == told.payment
    asked = subscription.metadata.get(ASKED)
    return asked is not None and told.period_start < datetime.fromisoformat(asked) + _SESSION


def _payment(subscription: Subscription, told: InvoiceTold, at: datetime) -> Payment:
    inputs = inputs_of(subscription.billing_period, subscription.billing_interval)
    return Payment(
        chain=Chain(subscription.method),
        key=key_of(told.id),
        purchase=Purchase(
            tenant=subscription.tenant,
            purpose=Purpose.SUBSCRIPTION,
            resource=subscription.product,
            inputs={**inputs, BILLED: subscription.method},
        ),
        asked=NOBODY,
        rail=subscription.method,
        method=subscription.method,
        amount=told.amount,
        payer=subscription.subscriber,
        pay_to=subscription.method,
        signature=signature_of(told.id),
        signed=b"",
        quote_id=None,
        coupons=(),
        last_valid_height=0,
        seen_height=0,
        seen_slot=0,
        owner=f"subscription {subscription.id}",
        lease_until=at,
        created_at=at,
        reservations=(),
        metadata=_about(subscription, told),
    )


def _about(subscription: Subscription, told: InvoiceTold) -> Mapping[str, str]:
    about = {SUBSCRIPTION: subscription.stripe_subscription, MONEY: told.payment}
    return {name: text for name, text in about.items() if text}

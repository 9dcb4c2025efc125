"""What becomes of periods whose money goes back, and of those whose money is here after all.

Pure, like the other moves. A period that is over is nobody's to take back.
"""

from datetime import datetime

from attrs import evolve

from tillway.core.periods import earlier
from tillway.core.subscription_money import (
    PERIODS,
    TAKEN,
    PaidPeriod,
    ends,
    periods,
    written,
)
from tillway.core.subscription_moves import Plan, cancelled, extended, timed
from tillway.core.subscriptions import Subscription


def undone(subscription: Subscription, payment: str, now: datetime) -> Subscription:
    """Take back the period of a payment that never was: it is given anew if the money comes.

    The end falls back to what is still paid for; where that is nothing, it is over. Unchanged
    for what has paid for nothing that is ahead.
    """
    for paid, end in ends(subscription):
        if paid.payment == payment and end > now:
            return _without(subscription, paid, now)
    return subscription


def taken_back(subscription: Subscription, payment: str, now: datetime) -> Subscription:
    """Take back the period of a payment that was paid back, and remember it."""
    shorter = undone(subscription, payment, now)
    if shorter == subscription:
        return subscription
    paid = [each for each in periods(subscription) if each.payment == payment]
    taken = written([*periods(subscription, TAKEN), *paid])
    return evolve(shorter, metadata={**shorter.metadata, TAKEN: taken})


def given_back(
    subscription: Subscription, paid: PaidPeriod, now: datetime, holder: Subscription
) -> Subscription:
    """Add a period that was taken back to the end; what was over without it goes on.

    ``holder`` is the subscription that it was taken from, which may be an earlier one.
    """
    plan = Plan(product=holder.product, period=paid.period, interval=paid.interval)
    standing = evolve(forgotten(subscription, paid), cancelled_at=None)
    return extended(standing, plan, now, paid.payment)


def taken_with(subscription: Subscription, payment: str) -> PaidPeriod | None:
    """Give the period of a payment that was taken back, if it was."""
    taken = periods(subscription, TAKEN)
    return next((each for each in taken if each.payment == payment), None)


def forgotten(subscription: Subscription, paid: PaidPeriod) -> Subscription:
    """Note no longer that a period was taken back."""
    rest = [each for each in periods(subscription, TAKEN) if each != paid]
    return evolve(subscription, metadata={**subscription.metadata, TAKEN: written(rest)})


def _without(subscription: Subscription, paid: PaidPeriod, now: datetime) -> Subscription:
    start, end = subscription.period_start, subscription.period_end
    until = earlier(end, paid.period, paid.interval, start.day)
    rest = [each for each in periods(subscription) if each != paid]
    shorter = evolve(
        subscription,
        period_end=max(until, start),
        metadata={**subscription.metadata, PERIODS: written(rest)},
    )
    return timed(shorter, now, 0) if until > max(now, start) else cancelled(shorter, now)

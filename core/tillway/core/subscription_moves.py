"""How a subscription goes on: begun, extended, cancelled, taken back, and what time does to it.

    trialing ──> active ──> past_due ──> expired
        │          │  ^        │  │
        │          │  └────────┘  │          paid after all
        └──────────┴──────────────┴──> cancelled

Everything here is pure: a move gives the subscription as it then stands, and writes nothing.
"""

from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.core.catalog import BillingPeriod
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.periods import hours_later, later
from tillway.core.subscription_money import PERIODS, PaidPeriod, ends, is_unpaid, written
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import Tenant

X402: Final = "x402"
"""The method of subscriptions that the subscriber pays for himself, period by period."""

NEXT: Final = "tillway_next_product"
"""The metadata that names the product which takes this one's place after its period."""

PAID_WITH: Final = "tillway_paid_with"
"""The metadata that names the payment which was the last to begin or extend it."""


AGAIN: Final = "tillway_trial_again"
"""The metadata of a trial whose customer has had one: it gives nothing, and is ended."""


@frozen(kw_only=True)
class Plan:
    """What is paid for at a time: so many periods of a product."""

    product: ProductId
    period: BillingPeriod
    interval: int


def begun(
    subscription: SubscriptionId,
    tenant: Tenant,
    subscriber: str,
    plan: Plan,
    *,
    now: datetime,
    start: datetime,
    paid_with: str,
) -> Subscription:
    """Begin a subscription that was paid for, at a time that may be yet to come."""
    end = later(start, plan.period, plan.interval, start.day)
    return Subscription(
        id=subscription,
        tenant=tenant,
        product=plan.product,
        subscriber=subscriber,
        method=X402,
        billing_period=plan.period,
        billing_interval=plan.interval,
        state=SubscriptionState.ACTIVE,
        period_start=start,
        period_end=end,
        created_at=now,
        updated_at=now,
        due_at=end,
        metadata={PAID_WITH: paid_with, PERIODS: written([_paid(plan, paid_with)])},
    )


def extended(subscription: Subscription, plan: Plan, now: datetime, paid_with: str) -> Subscription:
    """Add a period that was paid for. Its start stays, so that access is never lost.

    It is counted from the old end, unless that would already be over. A subscription that was to
    end with its period goes on: whoever pays wants it.
    """
    kept = subscription.period_end
    end = later(kept, plan.period, plan.interval, subscription.period_start.day)
    if end <= now:
        end = later(now, plan.period, plan.interval, now.day)
    longer = evolve(
        subscription,
        state=SubscriptionState.ACTIVE,
        billing_period=plan.period,
        billing_interval=plan.interval,
        period_end=end,
        cancel_at_period_end=False,
        metadata={
            **_without_next(subscription),
            PAID_WITH: paid_with,
            PERIODS: written([*_ahead(subscription, now), _paid(plan, paid_with)]),
        },
    )
    return timed(longer, now, 0)


def cancelled(subscription: Subscription, now: datetime) -> Subscription:
    """End a subscription at once."""
    ended = evolve(subscription, state=SubscriptionState.CANCELLED, cancelled_at=now)
    return timed(ended, now, 0)


def ending(subscription: Subscription, now: datetime, grace: int) -> Subscription:
    """Have a subscription end with its period."""
    noted = evolve(subscription, cancel_at_period_end=True, cancelled_at=now)
    return timed(noted, now, grace)


def reactivated(subscription: Subscription, now: datetime, grace: int) -> Subscription:
    """Take back that it ends with its period."""
    noted = evolve(
        subscription,
        cancel_at_period_end=False,
        cancelled_at=None,
        metadata=_without_next(subscription),
    )
    return timed(noted, now, grace)


def followed(subscription: Subscription, by: ProductId, now: datetime, grace: int) -> Subscription:
    """Have a subscription end with its period and name the product that comes after it."""
    noted = evolve(subscription, metadata={**subscription.metadata, NEXT: by})
    return ending(noted, now, grace)


def lapsed(subscription: Subscription, now: datetime, grace: int) -> Subscription:
    """Give a subscription as the time that has passed makes it; unchanged if it makes nothing.

    Its period over, it ends if it was to, is past due for as long as its grace, then expires. One
    that a provider bills is not past due before the provider says so.
    """
    if not subscription.is_running or now < subscription.period_end:
        return subscription
    if subscription.cancel_at_period_end:
        ended = SubscriptionState.CANCELLED
    elif now >= hours_later(subscription.period_end, grace):
        ended = SubscriptionState.EXPIRED
    else:
        ended = _overdue(subscription)
    return timed(evolve(subscription, state=ended), now, grace)


def is_over(subscription: Subscription, now: datetime) -> bool:
    """Tell whether its grace is over too, although nobody has written that yet."""
    due = subscription.due_at
    return subscription.state is SubscriptionState.PAST_DUE and due is not None and now >= due


def access_until(subscription: Subscription, grace: int) -> datetime | None:
    """Tell until when it gives access; None for one that has ended, or gives none."""
    if not subscription.is_running or AGAIN in subscription.metadata:
        return None
    if is_unpaid(subscription):
        return None
    ends = subscription.cancel_at_period_end
    return subscription.period_end if ends else hours_later(subscription.period_end, grace)


def gives_access(subscription: Subscription, now: datetime, grace: int) -> bool:
    """Tell whether it gives access now, by its dates: however late anybody writes them."""
    until = access_until(subscription, grace)
    return until is not None and subscription.period_start <= now < until


def timed(subscription: Subscription, now: datetime, grace: int) -> Subscription:
    """Note when somebody has to look at it next, and that it was changed."""
    return evolve(subscription, due_at=_due(subscription, grace), updated_at=now)


def _due(subscription: Subscription, grace: int) -> datetime | None:
    if not subscription.is_running:
        return None
    end, waits = subscription.period_end, hours_later(subscription.period_end, grace)
    if subscription.cancel_at_period_end:
        return end
    if subscription.state is SubscriptionState.PAST_DUE:
        return waits
    if subscription.method == X402 or subscription.state is SubscriptionState.TRIALING:
        return end
    return waits


def _overdue(subscription: Subscription) -> SubscriptionState:
    if subscription.method == X402:
        return SubscriptionState.PAST_DUE
    if subscription.state is SubscriptionState.TRIALING:
        return SubscriptionState.ACTIVE
    return subscription.state


def _paid(plan: Plan, payment: str) -> PaidPeriod:
    return PaidPeriod(payment=payment, period=plan.period, interval=plan.interval)


def _ahead(subscription: Subscription, now: datetime) -> list[PaidPeriod]:
    """Give the paid periods that are not over."""
    return [paid for paid, end in ends(subscription) if end > now]


def _without_next(subscription: Subscription) -> dict[str, str]:
    return {name: value for name, value in subscription.metadata.items() if name != NEXT}

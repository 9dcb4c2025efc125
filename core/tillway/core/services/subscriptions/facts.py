"""What the seller hears of a subscription: what has changed, told once a change."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tillway.core.events import Event
from tillway.core.ids import event_id_of
from tillway.core.periods import FAR
from tillway.core.subscription_money import TAKEN, is_unpaid, periods, same_bills
from tillway.core.subscription_moves import NEXT
from tillway.core.subscriptions import Subscription, SubscriptionState

CREATED: Final = "subscription.created"
TRIAL_STARTED: Final = "subscription.trial_started"
TRIAL_ENDED: Final = "subscription.trial_ended"
RENEWED: Final = "subscription.renewed"
CHANGED: Final = "subscription.changed"
PAST_DUE: Final = "subscription.past_due"
CANCEL_SCHEDULED: Final = "subscription.cancel_scheduled"
REACTIVATED: Final = "subscription.reactivated"
CANCELLED: Final = "subscription.cancelled"
EXPIRED: Final = "subscription.expired"
TAKEN_BACK: Final = "subscription.period_taken_back"
GIVEN_BACK: Final = "subscription.period_given_back"

_STATES: Final = {
    SubscriptionState.PAST_DUE: PAST_DUE,
    SubscriptionState.CANCELLED: CANCELLED,
    SubscriptionState.EXPIRED: EXPIRED,
}


def changes(before: Subscription | None, after: Subscription) -> Sequence[Event]:
    """Give the facts of a change, to be stored with it. A repeat of it has the same ids.

    ``after`` still names the version that it is written over.
    """
    version = "0" if before is None else f"{after.version + 1}"
    return [_event(kind, after, version) for kind in _kinds(before, after)]


def _event(kind: str, after: Subscription, version: str) -> Event:
    return Event(
        id=event_id_of(kind, after.tenant, after.id, version),
        tenant=after.tenant,
        type=kind,
        at=after.updated_at,
        body=_body(after),
    )


def _kinds(before: Subscription | None, after: Subscription) -> Iterator[str]:
    if before is None:
        yield CREATED
        if after.state is SubscriptionState.TRIALING:
            yield TRIAL_STARTED
        return
    if before.state is SubscriptionState.TRIALING and after.state is not before.state:
        yield TRIAL_ENDED
    if _plan(before) != _plan(after):
        yield CHANGED
    if _goes_on(before, after):
        yield RENEWED
    yield from _flagged(before, after)
    yield from _returned(before, after)
    if before.state is not after.state and after.state in _STATES:
        yield _STATES[after.state]


def _plan(subscription: Subscription) -> tuple[object, ...]:
    after = subscription.metadata.get(NEXT)
    return subscription.product, subscription.billing_period, subscription.billing_interval, after


def _goes_on(before: Subscription, after: Subscription) -> bool:
    if after.state is not SubscriptionState.ACTIVE:
        return False
    recovered = before.state is SubscriptionState.PAST_DUE or not before.is_running
    return recovered or after.period_end > before.period_end


def _flagged(before: Subscription, after: Subscription) -> Iterator[str]:
    if not after.is_running or before.cancel_at_period_end == after.cancel_at_period_end:
        return
    yield CANCEL_SCHEDULED if after.cancel_at_period_end else REACTIVATED


def _returned(before: Subscription, after: Subscription) -> Iterator[str]:
    """Tell of a period whose money went back, or is here after all."""
    lost = len(periods(after, TAKEN)) - len(periods(before, TAKEN))
    if same_bills(before, after):
        lost += is_unpaid(after) - is_unpaid(before)
    if lost:
        yield TAKEN_BACK if lost > 0 else GIVEN_BACK


def _body(after: Subscription) -> Mapping[str, object]:
    return {
        "subscriptionId": after.id,
        "resource": after.product,
        "subscriber": after.subscriber,
        "method": after.method,
        "status": after.state.value,
        "currentPeriodStart": after.period_start.isoformat(),
        "currentPeriodEnd": min(after.period_end, FAR).isoformat(),
        "cancelAtPeriodEnd": after.cancel_at_period_end,
        "trialEnd": None if after.trial_end is None else after.trial_end.isoformat(),
        "nextResource": after.metadata.get(NEXT),
    }

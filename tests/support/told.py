"""What a provider tells of subscriptions: stories, in their order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import evolve, frozen

from tillway.core.assets import USD
from tillway.core.catalog import BillingPeriod
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.money import Money
from tillway.core.periods import later
from tillway.core.ports.hosting import HostedSubscription, InvoiceTold, SubscriptionTold
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT

START = datetime(2026, 1, 15, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
S = SubscriptionState
Told = SubscriptionTold | InvoiceTold


def month(number: int) -> datetime:
    """Give the beginning of a month of the subscription."""
    return later(START, BillingPeriod.MONTH, number)


def begun() -> Subscription:
    """Give the subscription as the paid checkout has begun it."""
    return Subscription(
        id=SubscriptionId("one"),
        tenant=DEFAULT,
        product=ProductId("gold"),
        subscriber="cus_1",
        method="stripe",
        billing_period=BillingPeriod.MONTH,
        billing_interval=1,
        state=S.ACTIVE,
        period_start=START + MINUTE,
        period_end=month(1) + MINUTE,
        created_at=START,
        updated_at=START,
        due_at=month(1) + MINUTE,
        stripe_customer="cus_1",
        stripe_subscription="sub_1",
    )


def stands(state: S, number: int, at: datetime, **more: object) -> SubscriptionTold:
    """Tell how it stands in a month."""
    hosted = HostedSubscription(
        id="sub_1",
        state=state,
        reference="checkout",
        price_id="price_gold",
        period=BillingPeriod.MONTH,
        interval=1,
        period_start=month(number),
        period_end=month(number + 1),
        customer="cus_1",
    )
    return SubscriptionTold(subscription=evolve(hosted, **more), at=at)  # type: ignore[arg-type]  # its own fields


def bill(number: int, at: datetime, *, paid: bool) -> InvoiceTold:
    """Tell of a month's invoice."""
    return InvoiceTold(
        id=f"in_{number}",
        subscription="sub_1",
        paid=paid,
        amount=Money(998, USD),
        period_start=month(number),
        period_end=month(number + 1),
        at=at,
    )


FIRST: Final[list[Told]] = [stands(S.ACTIVE, 0, START), bill(0, START, paid=True)]
RENEWED: Final[list[Told]] = [stands(S.ACTIVE, 1, month(1)), bill(1, month(1) + HOUR, paid=True)]
FAILED: Final[list[Told]] = [
    stands(S.ACTIVE, 1, month(1)),
    bill(1, month(1) + HOUR, paid=False),
    stands(S.PAST_DUE, 1, month(1) + HOUR),
]
RECOVERED: Final[list[Told]] = [
    bill(1, month(1) + 30 * HOUR, paid=True),
    stands(S.ACTIVE, 1, month(1) + 30 * HOUR),
]
ENDING: Final[list[Told]] = [stands(S.ACTIVE, 1, month(1) + 40 * HOUR, cancel_at_period_end=True)]
BACK: Final[list[Told]] = [stands(S.ACTIVE, 1, month(1) + 41 * HOUR)]
OVER: Final[list[Told]] = [
    stands(S.CANCELLED, 1, month(2), cancel_at_period_end=True, ended_at=month(2)),
]


@frozen
class Story:
    """What happens, in order, and what comes of it."""

    news: Sequence[Told]
    state: S
    end: datetime
    ends: bool = False


STORIES = {
    "begun": Story(FIRST, S.ACTIVE, month(1)),
    "renewed": Story([*FIRST, *RENEWED], S.ACTIVE, month(2)),
    "failed": Story([*FIRST, *FAILED], S.PAST_DUE, month(1)),
    "recovered": Story([*FIRST, *FAILED, *RECOVERED], S.ACTIVE, month(2)),
    "ending": Story([*FIRST, *RENEWED, *ENDING], S.ACTIVE, month(2), ends=True),
    "taken back": Story([*FIRST, *RENEWED, *ENDING, *BACK], S.ACTIVE, month(2)),
    "over": Story([*FIRST, *FAILED, *RECOVERED, *ENDING, *OVER], S.CANCELLED, month(2)),
}


def seen(one: Subscription) -> tuple[object, ...]:
    """Give what counts: all but how often it was written."""
    return (
        one.state,
        one.period_start,
        one.period_end,
        one.cancel_at_period_end,
        one.cancelled_at,
        one.trial_end,
        one.due_at,
        one.metadata,
    )

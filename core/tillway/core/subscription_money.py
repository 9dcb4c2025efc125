"""Which payments a subscription lives by, and which of them have gone back.

Who pays period by period has a list of periods, each with its payment: the last of them ends with
the subscription's period, and each before it where the next begins. Where a provider bills, the
payments are remembered that were for the furthest period that was ever paid.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.core.catalog import BillingPeriod
from tillway.core.periods import earlier
from tillway.core.subscriptions import Subscription

PERIODS: Final = "tillway_periods"
TAKEN: Final = "tillway_periods_taken"
BILLS: Final = "tillway_bills"
GONE: Final = "tillway_bills_gone"
"""The metadata in which it is remembered."""

MOST: Final = 400
"""How many payments are remembered of one subscription: the newest."""

FREE: Final = ""
"""The payment of a bill that came to nothing: nothing of it can go back."""

# Periods that a subscriber has paid for one by one


@frozen(kw_only=True)
class PaidPeriod:
    """What a payment has paid for: so many of a length of time."""

    payment: str
    period: BillingPeriod
    interval: int


def periods(subscription: Subscription, name: str = PERIODS) -> Sequence[PaidPeriod]:
    """Give the periods that were paid, in their order, or those that were ``TAKEN``."""
    return [
        PaidPeriod(payment=payment, period=BillingPeriod(period), interval=interval)
        for payment, period, interval in json.loads(subscription.metadata.get(name, "[]"))
    ]


def ends(subscription: Subscription) -> Sequence[tuple[PaidPeriod, datetime]]:
    """Give the paid periods with their ends, counted back from the end of the last."""
    end, found = subscription.period_end, []
    for each in reversed(periods(subscription)):
        found.append((each, end))
        end = earlier(end, each.period, each.interval, subscription.period_start.day)
    return found[::-1]


def written(paid: Iterable[PaidPeriod]) -> str:
    """Write periods as metadata have them."""
    parts = [[each.payment, each.period.value, each.interval] for each in paid]
    return json.dumps(parts[-MOST:])


# What a provider has billed


@frozen(kw_only=True, order=True)
class Bill:
    """A payment, and the time that it was for. The furthest counts."""

    end: datetime
    start: datetime
    payment: str


def billed(metadata: Mapping[str, str], bill: Bill) -> Mapping[str, str]:
    """Note a paid bill, in the place of what was known of it. Those of earlier periods go."""
    known = {each.payment: each for each in _bills(metadata)}
    bills = sorted([*(each for each in known.values() if each.payment != bill.payment), bill])
    last = bills[-1]
    kept = [each for each in bills if each.end > last.start or each is last][-MOST:]
    gone = _gone(metadata) & {each.payment for each in kept}
    parts = [[each.payment, each.start.isoformat(), each.end.isoformat()] for each in kept]
    return {**metadata, BILLS: json.dumps(parts), GONE: json.dumps(sorted(gone))}


def marked(subscription: Subscription, payment: str, now: datetime, *, gone: bool) -> Subscription:
    """Note that a payment has gone back, or is here; unchanged where it pays for nothing now."""
    was = _gone(subscription.metadata)
    if payment not in {each.payment for each in _bills(subscription.metadata)}:
        return subscription
    becomes = was | {payment} if gone else was - {payment}
    if becomes == was:
        return subscription
    metadata = {**subscription.metadata, GONE: json.dumps(sorted(becomes))}
    return evolve(subscription, metadata=metadata, updated_at=now)


def is_unpaid(subscription: Subscription) -> bool:
    """Tell whether all that was paid for the furthest paid period has gone back."""
    gone = _gone(subscription.metadata)
    if not gone:
        return False
    bills = _bills(subscription.metadata)
    last = max(bills)
    return last.payment != FREE and all(each.payment in gone for each in bills if each.payment)


def same_bills(one: Subscription, other: Subscription) -> bool:
    """Tell whether two states of a subscription live by the same bills."""
    return one.metadata.get(BILLS) == other.metadata.get(BILLS)


def _bills(metadata: Mapping[str, str]) -> Sequence[Bill]:
    return [
        Bill(
            payment=payment,
            start=datetime.fromisoformat(start),
            end=datetime.fromisoformat(end),
        )
        for payment, start, end in json.loads(metadata.get(BILLS, "[]"))
    ]


def _gone(metadata: Mapping[str, str]) -> frozenset[str]:
    return frozenset(json.loads(metadata.get(GONE, "[]")))

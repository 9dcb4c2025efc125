"""What a provider has told of a subscription, and how the subscription stands by it.

News come twice and in any order. Of each kind only the latest is remembered, and how the
subscription stands is computed from what is remembered, never from what was heard last: whatever
the order, the same news make the same subscription.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from attrs import evolve, frozen

from tillway.core.catalog import BillingPeriod
from tillway.core.ports.hosting import HostedSubscription, InvoiceTold
from tillway.core.subscriptions import Subscription, SubscriptionState

HEARD: Final = "tillway_heard"
"""The metadata in which it is remembered."""

PRICE: Final = "tillway_price"
"""The metadata that names the price of which we know which product it is."""

RESOURCE: Final = "resource_id"
"""The provider's metadata in which we name the product."""

_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RANKS: Final = {state: rank for rank, state in enumerate(SubscriptionState)}


@frozen(kw_only=True)
class Standing:
    """How a subscription stood at ``at``. ``answers`` counts what we were answered since."""

    at: datetime
    state: SubscriptionState
    period_start: datetime
    period_end: datetime
    period: BillingPeriod
    interval: int
    price: str = ""
    resource: str = ""
    ends: bool = False
    trial_end: datetime | None = None
    ended_at: datetime | None = None
    answers: int = 0

    @classmethod
    def of(cls, told: HostedSubscription, at: datetime, answers: int = 0) -> Self:
        """Take what the provider says."""
        return cls(
            at=at,
            state=told.state,
            period_start=told.period_start,
            period_end=told.period_end,
            period=told.period,
            interval=told.interval,
            price=told.price_id,
            resource=told.metadata.get(RESOURCE, ""),
            ends=told.cancel_at_period_end,
            trial_end=told.trial_end,
            ended_at=told.ended_at,
            answers=answers,
        )

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended for good: a provider revives none."""
        return self.ended_at is not None or self.state is SubscriptionState.CANCELLED

    @property
    def order(self) -> tuple[Any, ...]:
        """Give what is compared. Of two of one second the one that is further counts.

        That is a guess, for a change that is taken back in its second: see `Heard.leaves_open`.
        """
        return (
            self.is_over,
            self.at,
            self.answers,
            self.period_end,
            _RANKS[self.state],
            self.ends,
            self.price,
            self.resource,
        )

    def says_as(self, other: "Standing") -> bool:
        """Tell whether another says the same, whenever it was said."""
        return evolve(self, at=other.at, answers=other.answers) == other


@frozen(kw_only=True, order=True)
class Billed:
    """A period for which an invoice was paid, or could not be; the furthest counts."""

    period_end: datetime
    at: datetime
    period_start: datetime


@frozen(kw_only=True)
class Heard:
    """The latest of each kind."""

    standing: Standing
    paid: Billed | None = None
    failed: Billed | None = None

    def told(self, told: HostedSubscription, at: datetime) -> "Heard":
        """Remember how it stands, if nothing later is known."""
        return self._later(Standing.of(told, at))

    def leaves_open(self, told: HostedSubscription, at: datetime) -> bool:
        """Tell whether something else was told of the same second, so that either may be later.

        What is over is later than whatever is not.
        """
        known, new = self.standing, Standing.of(told, at)
        over = known.is_over or new.is_over
        return at == known.at and not over and not new.says_as(known)

    def answered(self, told: HostedSubscription) -> "Heard":
        """Remember what a change or a question of ours was answered with.

        It has no time of the provider's: it counts more than what was told before, and whatever
        the provider tells of later times counts more.
        """
        known = self.standing
        return self._later(Standing.of(told, known.at, known.answers + 1))

    def billed(self, told: InvoiceTold) -> "Heard":
        """Remember an invoice, if none of a later period is known."""
        new = Billed(period_end=told.period_end, at=told.at, period_start=told.period_start)
        if told.paid:
            return evolve(self, paid=new if self.paid is None else max(self.paid, new))
        return evolve(self, failed=new if self.failed is None else max(self.failed, new))

    def _later(self, new: Standing) -> "Heard":
        return evolve(self, standing=max(self.standing, new, key=lambda each: each.order))


def first(subscription: Subscription) -> Heard:
    """Give what is known of a subscription before the provider has said anything of it."""
    standing = Standing(
        at=_BEFORE_ALL,
        state=subscription.state,
        period_start=subscription.period_start,
        period_end=subscription.period_end,
        period=subscription.billing_period,
        interval=subscription.billing_interval,
        trial_end=subscription.trial_end,
    )
    return Heard(standing=standing)


def heard_of(subscription: Subscription) -> Heard:
    """Read what was told of a subscription."""
    text = subscription.metadata.get(HEARD)
    return first(subscription) if text is None else _read(json.loads(text))


def standing_by(subscription: Subscription, heard: Heard, now: datetime) -> Subscription:
    """Give a subscription as it stands by what was told.

    Its grace is added by whoever looks after it next, which is at once where something is to be
    decided: a price of which it is not known whose it is, or a period that is over.
    """
    state, start, end = _stands(heard)
    standing = heard.standing
    running = state in _RUNNING
    known = standing.price in ("", subscription.metadata.get(PRICE, ""))
    return evolve(
        subscription,
        state=state,
        period_start=start,
        period_end=end,
        billing_period=standing.period,
        billing_interval=standing.interval,
        trial_end=standing.trial_end,
        cancel_at_period_end=standing.ends and running,
        cancelled_at=standing.ended_at or (standing.at if standing.ends else None),
        due_at=(end if known else now) if running else None,
        updated_at=now,
        metadata={**subscription.metadata, HEARD: json.dumps(_written(heard))},
    )


_RUNNING: Final = frozenset(
    {SubscriptionState.TRIALING, SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE}
)
_Stand = tuple[SubscriptionState, datetime, datetime]


def _stands(heard: Heard) -> _Stand:
    standing, failed = heard.standing, heard.failed
    end = standing.period_end
    if standing.is_over and standing.state in _RUNNING:
        return SubscriptionState.CANCELLED, standing.period_start, end
    if standing.state not in _RUNNING:
        return standing.state, standing.period_start, end
    if standing.state is SubscriptionState.PAST_DUE:
        return _past_due(heard)
    if failed is not None and _is_owed(heard, failed) and failed.period_end >= end:
        return _owing(heard, failed.period_start)
    return standing.state, standing.period_start, _paid_to(heard, standing.period_end)


def _past_due(heard: Heard) -> _Stand:
    standing, paid = heard.standing, heard.paid
    if paid is not None and paid.period_end >= standing.period_end and paid.at >= standing.at:
        return SubscriptionState.ACTIVE, standing.period_start, paid.period_end
    return _owing(heard, standing.period_start)


def _owing(heard: Heard, since: datetime) -> _Stand:
    """Tell until when it was paid: what the provider bills ahead of that gives nothing."""
    standing, paid = heard.standing, heard.paid
    until = since if paid is None else max(since, min(paid.period_end, standing.period_end))
    start = paid.period_start if paid is not None and paid.period_start < until else until
    return SubscriptionState.PAST_DUE, min(start, until), until


def _is_owed(heard: Heard, failed: Billed) -> bool:
    unpaid = heard.paid is None or failed.period_end > heard.paid.period_end
    return unpaid and failed.at >= heard.standing.at


def _paid_to(heard: Heard, end: datetime) -> datetime:
    paid, standing = heard.paid, heard.standing
    if paid is None or standing.at > paid.at:
        return end
    return max(end, paid.period_end)


# As text


def _written(heard: Heard) -> Mapping[str, object]:
    standing = heard.standing
    return {
        "at": standing.at.isoformat(),
        "state": standing.state.value,
        "start": standing.period_start.isoformat(),
        "end": standing.period_end.isoformat(),
        "period": standing.period.value,
        "interval": standing.interval,
        "price": standing.price,
        "resource": standing.resource,
        "ends": standing.ends,
        "trial": _text(standing.trial_end),
        "ended": _text(standing.ended_at),
        "answers": standing.answers,
        "paid": _bill(heard.paid),
        "failed": _bill(heard.failed),
    }


def _read(fields: Mapping[str, Any]) -> Heard:
    standing = Standing(
        at=datetime.fromisoformat(fields["at"]),
        state=SubscriptionState(fields["state"]),
        period_start=datetime.fromisoformat(fields["start"]),
        period_end=datetime.fromisoformat(fields["end"]),
        period=BillingPeriod(fields["period"]),
        interval=fields["interval"],
        price=fields["price"],
        resource=fields["resource"],
        ends=fields["ends"],
        trial_end=_time(fields["trial"]),
        ended_at=_time(fields["ended"]),
        answers=fields["answers"],
    )
    return Heard(standing=standing, paid=_billed(fields["paid"]), failed=_billed(fields["failed"]))


def _bill(billed: Billed | None) -> list[str] | None:
    if billed is None:
        return None
    return [each.isoformat() for each in (billed.period_end, billed.at, billed.period_start)]


def _billed(parts: list[str] | None) -> Billed | None:
    if parts is None:
        return None
    end, at, start = (datetime.fromisoformat(each) for each in parts)
    return Billed(period_end=end, at=at, period_start=start)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

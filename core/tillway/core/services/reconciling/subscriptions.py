"""Subscriptions by themselves: what their state asks of the rest of the row."""

from collections.abc import Iterator

from tillway.core.services.reconciling.desk import DAY, Desk
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.subscriptions import Subscription


def subscription(desk: Desk, found: Subscription) -> Iterator[Finding]:
    """Compare a subscription's state with its times and ids."""
    if found.period_end < found.period_start:
        text = f"has a period from {found.period_start} to {found.period_end}"
        yield _of(Kind.SUBSCRIPTION_PERIOD, found, text)
    if found.is_running and found.due_at is not None and desk.now - found.due_at > DAY:
        text = f"is {found.state} and was due at {found.due_at}"
        yield _of(Kind.SUBSCRIPTION_OVERDUE, found, text)
    if not found.is_running and found.due_at is not None:
        text = f"is {found.state} and due at {found.due_at}"
        yield _of(Kind.SUBSCRIPTION_DUE_THOUGH_ENDED, found, text)
    if found.method == "stripe" and not found.stripe_subscription:
        yield _of(Kind.SUBSCRIPTION_WITHOUT_PROVIDER, found, "is paid by card")


def _of(kind: Kind, found: Subscription, text: str) -> Finding:
    return Finding(kind=kind, about=f"subscription {found.id}", text=text)

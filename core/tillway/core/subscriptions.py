"""A subscription: access to a product from period to period."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from tillway.core.catalog import BillingPeriod
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.tenancy import Tenant


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


RUNNING: frozenset[SubscriptionState] = frozenset(
    {SubscriptionState.TRIALING, SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE}
)
"""The states that have not ended."""


@frozen(kw_only=True)
class Subscription:
    """Who may use what until when.

    ``subscriber`` is whose it is: a wallet, or a customer of Stripe's. ``due_at`` is when somebody
    has to look at it next (an end of a period or of its grace), None when it has ended.
    ``version`` counts its changes: a write names the one that it was made from.
    """

    id: SubscriptionId
    tenant: Tenant
    product: ProductId
    subscriber: str
    method: str
    billing_period: BillingPeriod
    billing_interval: int
    state: SubscriptionState
    period_start: datetime
    period_end: datetime
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    trial_end: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_at_period_end: bool = False
    stripe_customer: str | None = None
    stripe_subscription: str | None = None
    metadata: Mapping[str, str] = {}
    version: int = 0

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.state in RUNNING

"""The JSON bodies of the subscription routes: the words of all clients, side by side."""

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from tillway.entrypoints.http.wire import wire

_ID = 255
_LONGEST_SIGNATURE = 128
_DAYS = 36_500
_URL = 2_048
_EMAIL = 254

Status = Literal["active", "trialing", "past_due", "canceled", "expired"]


@frozen(kw_only=True)
class SubscriptionQuoteRequest:
    """Which period is to be priced. It has to be the one at which the product is billed."""

    resource: str = wire(missing="resource is required", longest=_ID)
    interval: str = wire(
        missing="interval is required",
        longest=_ID,
        doc="daily, weekly, monthly, yearly or custom.",
        example="monthly",
    )
    coupon_code: str | None = wire(default=None, longest=_ID)
    interval_days: int | None = wire(default=None, most=_DAYS, doc="Of a custom interval.")


@frozen(kw_only=True)
class ActivateRequest:
    """Who has paid for a subscription with what. Names of all clients are read."""

    product_id: str = wire(missing="productId is required", aliases=("resource",), longest=_ID)
    wallet: str = wire(
        missing="wallet is required", aliases=("walletAddress",), longest=_LONGEST_SIGNATURE
    )
    payment_signature: str | None = wire(
        default=None, aliases=("transactionSignature",), longest=_LONGEST_SIGNATURE
    )
    interval: str | None = wire(default=None, longest=_ID, doc="Not used: the payment says it.")
    interval_days: int | None = wire(default=None, doc="Not used.")
    billing_period: str | None = wire(default=None, longest=_ID, doc="Not used.")
    billing_interval: int | None = wire(default=None, doc="Not used.")
    plan_id: str | None = wire(default=None, longest=_ID, doc="Not used.")
    coupon_code: str | None = wire(default=None, longest=_ID, doc="Of a quote, if one is due.")
    metadata: Mapping[str, str] | None = wire(default=None, doc="Not used.")


@frozen(kw_only=True)
class SubscriptionSessionRequest:
    """What is to be subscribed to by card.

    The trial is the product's, once for a customer: with ``customerEmail`` he is told again. Pages
    may only be on configured hosts. ``metadata`` is kept by the provider and decides nothing.
    """

    resource: str = wire(missing="resource is required", longest=_ID)
    interval: str = wire(missing="interval is required", longest=_ID, example="monthly")
    interval_days: int | None = wire(default=None, most=_DAYS, doc="Of a custom interval.")
    trial_days: int | None = wire(default=None, doc="Not used: the product says it.")
    customer_email: str | None = wire(
        default=None, longest=_EMAIL, pattern=r"|[^@\s\x00]+@[^@\s\x00]+"
    )
    metadata: Mapping[str, str] | None = wire(default=None)
    coupon_code: str | None = wire(
        default=None, aliases=("coupon",), longest=_ID, doc="Comes off the first period."
    )
    success_url: str | None = wire(default=None, longest=_URL)
    cancel_url: str | None = wire(default=None, longest=_URL)


@frozen(kw_only=True)
class SubscriptionSession:
    """Where to pay by card."""

    session_id: str
    url: str


@frozen(kw_only=True)
class CancelRequest:
    """Which subscription is to end: by its id, or by whose it is, as older clients name it."""

    subscription_id: str | None = wire(default=None, longest=_ID)
    at_period_end: bool | None = wire(default=None, doc="False by id, true otherwise.")
    resource: str | None = wire(default=None, longest=_ID)
    user_id: str | None = wire(default=None, longest=_ID)
    immediate: bool | None = wire(default=None, doc="The opposite of `atPeriodEnd`.")


@frozen(kw_only=True)
class Cancelled:
    """It ends, or has ended."""

    success: bool
    at_period_end: bool


@frozen(kw_only=True)
class ReactivateRequest:
    """Which subscription is to go on after all."""

    subscription_id: str | None = wire(default=None, longest=_ID)
    resource: str | None = wire(default=None, longest=_ID)
    user_id: str | None = wire(default=None, longest=_ID)


@frozen(kw_only=True)
class Reactivated:
    """It goes on."""

    success: bool
    subscription_id: str
    status: Status
    cancel_at_period_end: bool
    current_period_end: str | None = wire(format="date-time")


@frozen(kw_only=True)
class ChangeRequest:
    """Which subscription is to be put on which plan."""

    new_resource: str = wire(missing="newResource is required", longest=_ID)
    subscription_id: str | None = wire(default=None, longest=_ID)
    proration_behavior: str | None = wire(
        default=None, longest=_ID, doc="create_prorations, none or always_invoice."
    )
    current_resource: str | None = wire(default=None, longest=_ID)
    user_id: str | None = wire(default=None, longest=_ID)
    new_interval: str | None = wire(default=None, longest=_ID, doc="The product's own.")
    immediate: bool | None = wire(default=None, doc="Not used.")


@frozen(kw_only=True)
class Changed:
    """The plan has changed, or changes with the period."""

    success: bool
    subscription_id: str
    previous_resource: str
    new_resource: str
    status: Status
    current_period_end: str = wire(format="date-time")
    proration_behavior: str
    effective_date: str = wire(format="date-time")


@frozen(kw_only=True)
class PreviewRequest:
    """What another plan would cost whom."""

    current_resource: str = wire(missing="currentResource is required", longest=_ID)
    new_resource: str = wire(missing="newResource is required", longest=_ID)
    user_id: str = wire(missing="userId is required", longest=_ID)
    new_interval: str | None = wire(default=None, longest=_ID, doc="The product's own.")
    proration_behavior: str | None = wire(default=None, longest=_ID)


@frozen(kw_only=True)
class ProrationDetails:
    """What of the old plan is given back, and what the new one costs until the period's end."""

    unused_credit: int
    new_plan_cost: int


@frozen(kw_only=True)
class ChangePreview:
    """What another plan would cost, in the smallest units of its currency."""

    success: bool
    immediate_amount: int
    currency: str
    current_plan_price: int
    new_plan_price: int
    days_remaining: int
    effective_date: str = wire(format="date-time")
    proration_details: ProrationDetails | None = None


@frozen(kw_only=True)
class PortalRequest:
    """Whose page at the card provider's is asked for. Only the operator may ask."""

    customer_id: str = wire(missing="customerId is required", aliases=("userId",), longest=_ID)
    return_url: str | None = wire(default=None, longest=_URL)


@frozen(kw_only=True)
class Portal:
    """Where the customer manages what he has."""

    url: str


@frozen(kw_only=True)
class PeriodShown:
    """A period as clients name it, and when it would begin and end if it were paid now."""

    interval: str
    interval_days: int | None = None
    duration_seconds: int
    period_start: str = wire(format="date-time")
    period_end: str = wire(format="date-time")


@frozen(kw_only=True)
class SubscriptionQuote:
    """What a period costs, as an x402 v0 requirement, and what it is. None without a price."""

    requirement: Mapping[str, object] | None
    subscription: PeriodShown


@frozen(kw_only=True)
class SubscriptionStatus:
    """Whether somebody has access by a subscription, and until when."""

    active: bool
    status: Status
    expires_at: str | None = wire(default=None, format="date-time")
    current_period_end: str | None = wire(default=None, format="date-time")
    interval: str | None = None
    interval_days: int | None = None
    cancel_at_period_end: bool


@frozen(kw_only=True)
class SubscriptionDetails:
    """A subscription. Prices are in the smallest units of their currency."""

    id: str
    resource: str
    status: Status
    interval: str
    interval_days: int | None = None
    price_per_period: int
    currency: str
    cancel_at_period_end: bool
    current_period_start: str = wire(format="date-time")
    current_period_end: str = wire(format="date-time")
    created_at: str = wire(format="date-time")
    payment_method: str
    trial_end: str | None = wire(default=None, format="date-time")
    customer_id: str | None = None
    next_resource: str | None = wire(default=None, doc="What takes its place after its period.")


@frozen(kw_only=True)
class Activated:
    """The subscription that a payment has begun or extended."""

    success: bool
    subscription_id: str
    product_id: str
    resource: str
    wallet: str
    status: Status
    current_period_start: str = wire(format="date-time")
    current_period_end: str = wire(format="date-time")
    period_start: str = wire(format="date-time")
    period_end: str = wire(format="date-time")
    billing_period: Literal["day", "week", "month", "year"]
    billing_interval: int

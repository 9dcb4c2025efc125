"""Rails whose provider hosts the checkout, and tells us afterwards what came of it.

Nothing that a provider tells is believed for itself: the core compares it with the checkout that
it has stored. Every write carries a key of ours, so that a repeat is one; what stays unanswered
is looked up by our own id, and never sent under another key.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.checkouts import Checkout
from tillway.core.money import Money
from tillway.core.ports.rails import Rail
from tillway.core.subscriptions import SubscriptionState

# What we ask for


@frozen(kw_only=True)
class OrderLine:
    """So many of one thing at a price for one.

    ``price_id`` is the provider's own price, "" for none. It is charged instead of ``unit`` where
    both come to the same, and is all there is to go by where ``unit`` is None.
    """

    description: str
    quantity: int = 1
    unit: Money | None = None
    price_id: str = ""


@frozen(kw_only=True)
class Order:
    """A checkout to be opened.

    The lines, less ``discount``, come to ``checkout.amount``. ``terms`` are those of a
    subscription, None for a single payment; its trial is ``trial_days``, which is not always the
    product's. ``metadata`` is kept by the provider; what is ours in it has been written last.
    ``promotion_code`` is the provider's own, of which we know nothing but the name: it is taken off
    what is ours already, and the session tells how much is left.
    """

    checkout: Checkout
    lines: tuple[OrderLine, ...]
    success_url: str
    cancel_url: str
    discount: Money | None = None
    terms: SubscriptionTerms | None = None
    trial_days: int = 0
    customer: str | None = None
    customer_email: str | None = None
    metadata: Mapping[str, str] = {}
    promotion_code: str | None = None


class Proration(StrEnum):
    """What a change of plan does about the time that was paid for already."""

    CREATE_PRORATIONS = "create_prorations"
    NONE = "none"
    ALWAYS_INVOICE = "always_invoice"


@frozen(kw_only=True)
class PlanChange:
    """A subscription's next plan. ``key`` is ours and makes a repeat one."""

    subscription: str
    plan: OrderLine
    terms: SubscriptionTerms
    proration: Proration
    metadata: Mapping[str, str] = {}
    key: str = ""


@frozen(kw_only=True)
class PayBack:
    """Some of a payment to be paid back. ``reference`` is our refund's id and makes it one.

    ``payment`` is the provider's name for what was paid, as `HostedSession.payment` gave it.
    """

    payment: str
    amount: Money
    reference: str
    metadata: Mapping[str, str] = {}


# What we are told


class SessionStatus(StrEnum):
    """Whether a session can be paid."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


@frozen(kw_only=True)
class HostedSession:
    """A session as the provider knows it.

    ``reference`` is our checkout's id, as it came back. ``amount`` is the subtotal less discounts;
    tax and shipping stand apart. ``paid`` tells that the money is there, or that none is due.
    ``payment`` names the money for refunds, ``subscription`` what was subscribed to, if anything.
    """

    id: str
    status: SessionStatus
    paid: bool
    reference: str | None
    amount: Money | None
    expires_at: datetime
    url: str | None = None
    tax: Money | None = None
    shipping: Money | None = None
    payment: str | None = None
    subscription: str | None = None
    customer: str | None = None
    customer_email: str | None = None
    metadata: Mapping[str, str] = {}


@frozen(kw_only=True)
class HostedSubscription:
    """A subscription as the provider knows it.

    ``reference`` is the id of the checkout that began it. ``price_id`` is the plan's price, and
    ``metadata`` what we put there. ``ended_at`` is None while it runs.
    """

    id: str
    state: SubscriptionState
    reference: str | None
    price_id: str
    period: BillingPeriod
    interval: int
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool = False
    customer: str | None = None
    trial_end: datetime | None = None
    ended_at: datetime | None = None
    metadata: Mapping[str, str] = {}


class PayBackState(StrEnum):
    """What became of a refund at the provider."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@frozen(kw_only=True)
class PaidBack:
    """One refund at the provider. ``reference`` is ours, None for one made elsewhere."""

    id: str
    amount: Money
    state: PayBackState
    reference: str | None = None


@frozen(kw_only=True)
class Preview:
    """What a change of plan would cost at once, and what of the old plan it gives back."""

    due: Money
    credit: Money
    cost: Money
    at: datetime


@frozen(kw_only=True)
class Told:
    """An event as it came, its signature verified. ``id`` is the provider's, one for its repeats.

    ``test`` tells that no real money is meant.
    """

    id: str
    type: str
    at: datetime
    body: bytes = field(repr=False)
    test: bool = False


@frozen(kw_only=True)
class SessionTold:
    """A session was paid, failed (a payment that takes days did), or expired."""

    session: HostedSession
    failed: bool = False


@frozen(kw_only=True)
class SubscriptionTold:
    """A subscription stands like this at ``at``: older news than what is known change nothing."""

    subscription: HostedSubscription
    at: datetime


@frozen(kw_only=True)
class SubscriptionAsked:
    """How a subscription stands now, asked because of what was ``told``.

    ``since`` is the version of ours that was read before the provider was asked: what was written
    meanwhile may be newer than the answer. ``subscription`` is None where there was none.
    """

    told: SubscriptionTold
    since: int
    subscription: HostedSubscription | None


@frozen(kw_only=True)
class InvoiceTold:
    """A period of a subscription was paid, or could not be.

    ``reference`` is the checkout that its subscription names; ``foreign`` tells that none is named.
    """

    id: str
    subscription: str
    paid: bool
    amount: Money
    period_start: datetime
    period_end: datetime
    at: datetime
    payment: str | None = None
    reference: str | None = None
    foreign: bool = False


@frozen(kw_only=True)
class PayBackTold:
    """Money of a payment went back, or did not after all: single refunds where they are told.

    ``total`` is the sum of all, None where it is only told how single ones stand. ``invoice`` is
    what the money has paid, as far as that is known: see `CompletesNews`.
    """

    payment: str
    total: Money | None
    refunds: tuple[PaidBack, ...]
    at: datetime
    invoice: str | None = None


class DisputeState(StrEnum):
    """Where a dispute stands. ``lost`` and ``open`` mean that the money is gone."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@frozen(kw_only=True)
class DisputeTold:
    """Whoever paid disputes it at his bank. ``invoice`` is that of `PayBackTold`."""

    id: str
    payment: str
    amount: Money
    state: DisputeState
    reason: str
    at: datetime
    invoice: str | None = None


@frozen(kw_only=True)
class NothingTold:
    """An event of a kind that changes nothing here."""


SubscriptionNews = SubscriptionTold | SubscriptionAsked | InvoiceTold
News = SessionTold | SubscriptionNews | PayBackTold | DisputeTold | NothingTold


# Ports


@runtime_checkable
class HostsCheckout(Rail, Protocol):
    """Sell by a page of the provider's.

    All of these raise Declined (stripe_error and its like) for what the provider refuses, and
    Unavailable where nothing can have been changed. A write of which nobody knows whether it was
    done raises Unsettled: it is looked up by ``find``, never repeated under another key.
    """

    def takes(self, product: Product) -> bool:
        """Tell whether a product has a price that is charged here."""
        ...

    async def open(self, order: Order) -> HostedSession:
        """Open a session. The checkout's id is the key: a repeat gives the first session.

        Raises Declined before anything is sent for addresses on other hosts (invalid_field), and
        for a promotion code that the provider does not have (coupon_not_found): such an order may
        be opened again without it. Raises Unsettled, sending nothing, for a checkout so old that
        the provider may have forgotten the key.
        """
        ...

    async def retrieve(self, session: str) -> HostedSession | None:
        """Give a session as it stands; None if the provider has none of that id."""
        ...

    async def find(self, checkout: Checkout) -> HostedSession | None:
        """Give the session that was opened for a checkout whose answer was lost, if one was."""
        ...

    async def expire(self, session: str) -> HostedSession:
        """End an open session, and give it as it then stands: it may have been paid before."""
        ...


@runtime_checkable
class HearsWebhooks(Protocol):
    """Understand what the provider tells. Both verbs are pure."""

    source: str

    def verify(self, headers: Mapping[str, str], body: bytes) -> Told:
        """Verify the raw body. Raises Declined (invalid_signature) for what is not authentic."""
        ...

    def translate(self, body: bytes) -> News:
        """Say what a verified event means; Declined (invalid_field) if it cannot be read."""
        ...


@runtime_checkable
class CompletesNews(Protocol):
    """Ask the provider for what its events leave out: which money, and for what."""

    async def complete(self, news: News) -> News:
        """Name the money of a session or invoice, and whose it is; the invoice of what went back.

        Money that is disputed counts as such. What the provider does not tell stays as it was; a
        repeat gives the same. Raises Unavailable where it does not answer.
        """
        ...


@runtime_checkable
class PaysBack(Protocol):
    """Pay back what was paid by this rail. Errors are those of `HostsCheckout`."""

    async def pay_back(self, asked: PayBack) -> PaidBack:
        """Pay back. Our reference is the key: a repeat gives the first refund."""
        ...

    async def find_pay_back(self, payment: str, reference: str) -> PaidBack | None:
        """Give the refund made under our reference, if one was."""
        ...


@runtime_checkable
class HostsSubscriptions(Protocol):
    """Subscriptions that the provider bills. Errors are those of `HostsCheckout`.

    ``key`` is ours and makes a repeat one.
    """

    async def subscription(self, subscription: str) -> HostedSubscription | None:
        """Give a subscription as it stands."""
        ...

    async def change(self, change: PlanChange) -> HostedSubscription:
        """Put a subscription on another plan at once."""
        ...

    async def preview(self, change: PlanChange) -> Preview:
        """Say what `change` would cost. Changes nothing."""
        ...

    async def cancel(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> HostedSubscription:
        """End a subscription now, or have it end with its period."""
        ...

    async def reactivate(self, subscription: str, *, key: str) -> HostedSubscription:
        """Take back that a subscription ends with its period."""
        ...

    async def portal(self, customer: str, return_url: str) -> str:
        """Give the address of a page on which this customer manages what he has."""
        ...

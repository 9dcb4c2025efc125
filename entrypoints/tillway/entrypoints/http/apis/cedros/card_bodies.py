"""The JSON bodies of the routes by which things are paid by card."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from tillway.entrypoints.http.wire import wire

_ID = 255
_URL = 2_048
_EMAIL = 254


@frozen(kw_only=True)
class SessionRequest:
    """What is to be paid by card.

    Pages may only be on configured hosts. A code that is not known here may be a promotion code
    of Stripe's. ``metadata`` comes back with the payment and decides nothing.
    """

    resource: str = wire(missing="resource is required", longest=_ID)
    customer_email: str | None = wire(
        default=None, longest=_EMAIL, pattern=r"|[^@\s\x00]+@[^@\s\x00]+"
    )
    metadata: Mapping[str, str] = wire(factory=dict)
    success_url: str | None = wire(default=None, longest=_URL)
    cancel_url: str | None = wire(default=None, longest=_URL)
    coupon_code: str | None = wire(default=None, aliases=("coupon",), longest=_ID)


@frozen(kw_only=True)
class SessionAnswer:
    """Where to pay. What costs nothing is granted at once, and the address is that of success."""

    session_id: str
    url: str
    granted: bool | None = None


@frozen(kw_only=True)
class SessionProof:
    """A session that was paid. ``amount`` is in major units with its currency: ``10.50 USD``."""

    verified: bool
    resource_id: str = wire(name="resource_id")
    paid_at: str = wire(name="paid_at", format="date-time")
    amount: str
    customer: str
    metadata: Mapping[str, str]


@frozen(kw_only=True)
class WebhookAnswer:
    """The event is kept."""

    received: bool
    type: str


@frozen(kw_only=True)
class WebhookInfo:
    """Where Stripe should send events, and which."""

    status: str
    webhook_url: str
    configured_events: Sequence[str]

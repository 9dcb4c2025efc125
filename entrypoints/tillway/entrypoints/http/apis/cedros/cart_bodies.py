"""The JSON bodies of the routes of carts, in the contract's own words."""

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import frozen

from tillway.core.services.carts.baskets import MOST_LINES, MOST_PIECES
from tillway.entrypoints.http.wire import wire

_ID = 255


@frozen(kw_only=True)
class CartLine:
    """So many of one resource. A quantity below one means one."""

    resource: str = wire(default="", longest=_ID)
    quantity: int = wire(default=1, most=MOST_PIECES)
    variant_id: str | None = wire(default=None, longest=_ID)
    metadata: Mapping[str, str] = wire(factory=dict)


@frozen(kw_only=True)
class CartRequest:
    """What is to be priced together. Names of ours in metadata are not taken over."""

    items: Sequence[CartLine] = wire(default=(), longest=MOST_LINES)
    metadata: Mapping[str, str] = wire(factory=dict)
    coupon_code: str | None = wire(default=None, longest=_ID, aliases=("coupon",))


@frozen(kw_only=True)
class CartItem:
    """A line with the price of one piece, after and before the catalogue's coupons."""

    resource: str
    quantity: int
    variant_id: str | None = None
    price_amount: float
    original_price: float
    token: str
    description: str | None = None
    applied_coupons: Sequence[str] | None = None


@frozen(kw_only=True)
class CartQuote:
    """A cart whose price holds, and how it can be paid; amounts are in major units.

    There is no ``quote`` where nothing is to be paid: the cart is then granted at
    ``/paywall/{cartId}``. Nor is there one where only cards can pay: ``token`` is then their
    currency, and ``cartId`` goes to ``/paywall/v1/cart/checkout``.
    """

    cart_id: str
    quote: Mapping[str, object] | None = wire(default=None, doc="An x402 v0 requirement.")
    items: Sequence[CartItem]
    total_amount: float
    token: str
    metadata: Mapping[str, str] | None = None
    expires_at: str = wire(format="date-time")


@frozen(kw_only=True)
class CheckoutLine:
    """So many of one resource, or of what has a Stripe price. A quantity below one means one."""

    price_id: str | None = wire(default=None, longest=_ID)
    resource: str | None = wire(default=None, longest=_ID)
    quantity: int = wire(default=1, most=MOST_PIECES)
    variant_id: str | None = wire(default=None, longest=_ID)
    description: str | None = wire(default=None, longest=500)
    metadata: Mapping[str, str] = wire(factory=dict)


@frozen(kw_only=True)
class CheckoutRequest:
    """What is to be paid by card together, or the cart that was quoted for it.

    Pages may only be on configured hosts. Fields of the React SDK about who buys and where it is
    sent are taken and not used; so is ``stripeCouponId``. A tip is none of our prices: other
    amounts than 0 are refused.
    """

    items: Sequence[CheckoutLine] = wire(default=(), longest=MOST_LINES)
    cart_id: str | None = wire(default=None, pattern=r"|(cart:)?cart_[0-9a-f]{32}")
    customer_email: str | None = wire(
        default=None, longest=254, pattern=r"|[^@\s\x00]+@[^@\s\x00]+"
    )
    metadata: Mapping[str, str] = wire(factory=dict)
    success_url: str | None = wire(default=None, longest=2_048)
    cancel_url: str | None = wire(default=None, longest=2_048)
    coupon_code: str | None = wire(default=None, longest=_ID, aliases=("coupon",))
    customer_name: str | None = wire(default=None, longest=_ID)
    customer_phone: str | None = wire(default=None, longest=_ID)
    shipping_address: Mapping[str, object] = wire(factory=dict)
    billing_address: Mapping[str, object] = wire(factory=dict)
    tip_amount: float = wire(default=0.0, least=0, most=0)
    shipping_method_id: str | None = wire(default=None, longest=_ID)
    payment_method_id: str | None = wire(default=None, longest=_ID)
    stripe_coupon_id: str | None = wire(default=None, longest=_ID)


@frozen(kw_only=True)
class CheckoutOpened:
    """Where to pay. What costs nothing is granted at once, and the address is that of success."""

    session_id: str
    url: str
    total_items: int = wire(doc="Lines, not pieces.")
    cart_id: str
    granted: bool | None = None


@frozen(kw_only=True)
class CartState:
    """How a cart stands. ``paidBy`` is the wallet that has paid it, if one has."""

    cart_id: str
    status: Literal["pending", "paid"]
    total_amount: float | None = wire(
        default=None, doc="Absent where only the card provider's prices decide it."
    )
    token: str | None = None
    expires_at: str = wire(format="date-time")
    paid_by: str | None = None


@frozen(kw_only=True)
class CartVerified:
    """The cart is paid."""

    verified: bool
    cart_id: str
    tx_hash: str
    wallet: str


@frozen(kw_only=True)
class StockedItem:
    """A line that can be had. Nothing is counted here: it is never short."""

    resource_id: str
    variant_id: str | None = None
    in_stock: bool
    available_quantity: int = wire(doc="No more than was asked for, which is all that is known.")
    reserved_by_others: int
    can_backorder: bool


@frozen(kw_only=True)
class CartStock:
    """Whether all of a cart can be had. Nothing is held back for it, and need not be."""

    cart_id: str
    all_available: bool
    holds_enabled: bool
    items: Sequence[StockedItem]

"""A cart: several things at prices that hold for a while, paid once."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from tillway.core.ids import CartId
from tillway.core.money import Money
from tillway.core.tenancy import Tenant


class CartState(StrEnum):
    """Whether a cart was paid."""

    OPEN = "open"
    PAID = "paid"


@frozen(kw_only=True)
class CartItem:
    """A line of a cart. ``price`` is for one piece, after what the catalogue takes off it."""

    resource: str
    quantity: int
    price: Money
    metadata: Mapping[str, str] = {}


@frozen(kw_only=True)
class Cart:
    """Lines and what they cost together until ``expires_at``.

    ``principal`` names who asked for it, or the address that did: unpaid carts are capped for
    each. ``paid_with`` names the payment, ``paid_by`` who paid.
    """

    id: CartId
    tenant: Tenant
    items: tuple[CartItem, ...]
    total: Money
    created_at: datetime
    expires_at: datetime
    principal: str
    coupons: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    state: CartState = CartState.OPEN
    paid_at: datetime | None = None
    paid_by: str | None = None
    paid_with: str | None = None

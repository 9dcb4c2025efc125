"""A cart: several things at prices that hold for a while, paid once."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from tillway.core.ids import CartId
from tillway.core.money import Money
from tillway.core.tenancy import Tenant


class CartState(StrEnum):
    """Whether a cart was paid; ``reversed`` by money that is gone: it can be paid again in time."""

    OPEN = "open"
    PAID = "paid"
    REVERSED = "reversed"


@frozen(kw_only=True)
class CartItem:
    """A line of a cart.

    ``price`` is for one piece in tokens, after what the catalogue takes off it, and ``card`` the
    same by card; None where there is no such price, or where ``price_id``, the card provider's
    own price, is all there is. ``resource`` is "" for a line that only such a price names.
    """

    resource: str
    quantity: int
    price: Money | None
    metadata: Mapping[str, str] = {}
    card: Money | None = None
    price_id: str = ""
    description: str = ""


@frozen(kw_only=True)
class CardBill:
    """What a cart comes to by card: its lines less ``discount``, promised as its other price is.

    ``total`` is None where prices or a ``promotion`` of the provider's own decide it.
    """

    total: Money | None
    discount: Money | None = None
    coupons: tuple[str, ...] = ()
    limits: Mapping[str, int] = {}
    promotion: str | None = None


@frozen(kw_only=True)
class Cart:
    """Lines and what they cost together until ``expires_at``.

    ``total`` is in tokens, after ``coupons``, in that order; ``limits`` are the usage limits of
    those that have one. It is None for a cart that can only be paid by ``card``. ``principal``
    names who asked for it, or the address that did: unpaid carts are capped for each.
    ``paid_with`` names the payment, ``paid_by`` who paid.
    """

    id: CartId
    tenant: Tenant
    items: tuple[CartItem, ...]
    total: Money | None
    created_at: datetime
    expires_at: datetime
    principal: str
    coupons: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    state: CartState = CartState.OPEN
    paid_at: datetime | None = None
    paid_by: str | None = None
    paid_with: str | None = None
    limits: Mapping[str, int] = {}
    card: CardBill | None = None

    @property
    def price(self) -> Money | None:
        """What it comes to in tokens, else by card; None where only the provider knows."""
        return self.total if self.card is None or self.total is not None else self.card.total

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time is over: after the end, not at it."""
        return now > self.expires_at

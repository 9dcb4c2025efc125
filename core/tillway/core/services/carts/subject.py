"""Carts as something to be paid for: at their own price, once over all rails."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from attrs import define, field

from tillway.core.carts import Cart, CartItem, CartState
from tillway.core.catalog import Product
from tillway.core.checkouts import UNPAID, Checkout, CheckoutId
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import CART_ID, CartId, CouponCode, ProductId
from tillway.core.money import Money
from tillway.core.observations import CartSeen, Observer
from tillway.core.payments import Payment, Phase, Purchase, Reservation
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import HostedSession, SessionStatus
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.pricing import Priced
from tillway.core.quotes import Purpose
from tillway.core.services.subjects import Ware, absent
from tillway.core.tenancy import Tenant

MOST_CHECKOUTS: Final = 20
"""How often the checkout of one cart is opened anew, after the one before was given up."""

OF_COUPONS: Final = frozenset(
    {
        "coupon_codes",
        "subtotal_after_catalog",
        "discounted_amount",
        "catalog_coupons",
        "checkout_coupons",
    }
)
"""What a cart's metadata say of its price in tokens."""

_log = logging.getLogger(__name__)


class EndsCheckouts(Protocol):
    """Whoever can end a checkout at its provider."""

    async def end(self, checkout: Checkout) -> HostedSession | None:
        """End a session and give it as it then stands; None if it has none."""
        ...


@define(kw_only=True)
class Carts:
    """Carts of one gateway. ``ends`` is None where no provider hosts checkouts."""

    store: Store
    clock: Clock
    observe: Observer
    ends: EndsCheckouts | None = None
    purpose: Purpose = field(default=Purpose.CART, init=False)
    writes: bool = field(default=True, init=False)

    async def find(self, purchase: Purchase) -> Ware | None:
        """Give the cart at the price that was promised; closed once it is paid, or too late."""
        cart = await self.get(purchase.tenant, purchase.resource)
        return None if cart is None else ware_of(cart, self.clock.now())

    def absent(self, purchase: Purchase) -> Declined:
        """Say that there is no such cart."""
        return absent(purchase)

    async def clear(self, purchase: Purchase) -> None:
        """End the cart's open checkout. Declined (cart_already_paid) if that was paid.

        Unavailable or Unsettled if the provider does not say what became of it.
        """
        checkout = await self.checkout(purchase.tenant, purchase.resource)
        if checkout is None or checkout.state not in UNPAID or self.ends is None:
            return
        try:
            session = await self.ends.end(checkout)
        except Declined as refusal:  # of the provider's: it says nothing of the cart
            raise Unavailable(Code.STRIPE_ERROR) from refusal
        if session is not None and session.status is not SessionStatus.EXPIRED:
            raise taken()

    async def fulfil(self, unit: UnitOfWork, payment: Payment) -> None:
        """Mark the cart as paid. A commit that has to be tried again may be counted twice."""
        cart, at = CartId(payment.purchase.resource), payment.ended_at or payment.created_at
        # A cart that is gone was kept open by a checkout that was paid very late.
        paid = await unit.carts.pay(payment.tenant, cart, payment.signature, payment.payer, at)
        if not paid:
            _log.error("cart %s is gone, or another payment has paid it", cart)
        lines = payment.metadata.get("cart_items", "")
        self.observe(CartSeen(status="success", lines=int(lines) if lines.isdecimal() else 0))

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have a cart be open again whose payment is gone: it can be paid until its time is over.

        Not one that another payment has.
        """
        cart = CartId(payment.purchase.resource)
        if await unit.carts.reverse(payment.tenant, cart, payment.signature):
            _log.warning("cart %s is not paid any more", cart)

    async def is_free(self, unit: UnitOfWork, payment: Payment) -> bool:
        """Tell whether nobody else has paid the cart meanwhile."""
        cart = await unit.carts.get(payment.tenant, CartId(payment.purchase.resource))
        others = cart is not None and cart.state is CartState.PAID
        return cart is None or not others or cart.paid_with == payment.signature

    async def get(self, tenant: Tenant, cart: str) -> Cart | None:
        """Give a cart."""
        if not CART_ID.fullmatch(cart):
            return None
        async with self.store.view(once=True) as view:
            return await view.carts.get(tenant, CartId(cart))

    async def checkout(self, tenant: Tenant, cart: str) -> Checkout | None:
        """Give the newest checkout of a cart: every other one is over."""
        newest = None
        async with self.store.view() as view:
            for turn in range(MOST_CHECKOUTS):
                found = await view.checkouts.get(tenant, checkout_id(cart, turn))
                if found is None:
                    break
                newest = found
                if found.state in UNPAID:
                    break
        return newest


def checkout_id(cart: str, turn: int) -> CheckoutId:
    """Name a cart's checkouts, so that they are found by the cart."""
    name = f"checkout_{cart.removeprefix('cart_')}"
    return CheckoutId(name if turn == 0 else f"{name}_{turn}")


def ware_of(cart: Cart, now: datetime) -> Ware:
    """Give what rails and buyers see of a cart."""
    card = None if cart.card is None else cart.card.total
    return Ware(
        product=Product(
            id=ProductId(cart.id),
            description=f"Cart purchase ({cart.price})"
            if cart.price is not None
            else "Cart purchase",
            fiat_price=card,
            crypto_price=cart.total,
        ),
        firm=_firm(cart),
        expires_at=cart.expires_at,
        closed=_closed(cart, now),
        reservations=(taking(cart),),
        metadata=metadata_of(cart, card=cart.total is None),
    )


def taking(cart: Cart) -> Reservation:
    """Give what one claim or checkout at a time has of a cart, and keeps once it is paid."""
    return Reservation(
        name=f"cart:{cart.id}",
        amount=1,
        limit=1,
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=cart.tenant,
    )


def metadata_of(cart: Cart, *, card: bool = False) -> Mapping[str, str]:
    """Give what goes with a payment of a cart, in the contract's words; ours last.

    By ``card`` its prices and coupons are those that a card pays.
    """
    noted = {key: text for key, text in cart.metadata.items() if not card or key not in OF_COUPONS}
    lines = {
        name: text
        for place, item in enumerate(cart.items)
        for name, text in _line_texts(place, item, item.card if card else item.price)
    }
    coupons = cart.card.coupons if card and cart.card is not None else ()
    return {
        **noted,
        **lines,
        **({"coupon_codes": ",".join(coupons)} if coupons else {}),
        "cart_items": str(len(cart.items)),
        "total_quantity": str(sum(item.quantity for item in cart.items)),
    }


def taken() -> Declined:
    """Refuse a cart that is paid, or nearly so."""
    return Declined(Code.CART_ALREADY_PAID, "This cart is paid, or its payment is on its way.")


def _line_texts(place: int, item: CartItem, price: Money | None) -> Iterator[tuple[str, str]]:
    lead = f"item_{place}_"
    for key, text in item.metadata.items():
        yield lead + key, text
    if item.resource:
        yield f"{lead}resource", item.resource
    if item.price_id:
        yield f"{lead}price_id", item.price_id
    yield f"{lead}quantity", str(item.quantity)
    if price is not None:
        yield f"{lead}price_amount", price.to_major()
        yield f"{lead}token", price.asset.code


def _firm(cart: Cart) -> Priced | None:
    """Give the price that stands, with the coupons that a claim redeems."""
    if cart.total is not None:
        return firm(cart.total, cart.coupons, cart.limits)
    card = cart.card
    if card is not None and card.total is not None:
        return firm(card.total, card.coupons, card.limits)
    return None


def firm(total: Money, coupons: Sequence[str], limits: Mapping[str, int]) -> Priced:
    """Give a price that was promised, as it redeems coupons."""
    return Priced(
        lines=(),
        original=total,
        subtotal=total,
        total=total,
        catalog=(),
        checkout=tuple(CouponCode(code) for code in coupons),
        limits=limits,
        typed=None,
    )


def _closed(cart: Cart, now: datetime) -> Declined | None:
    if cart.state is CartState.PAID:
        return Declined(Code.CART_ALREADY_PAID)
    if cart.is_over(now):
        text = "cart quote expired, please request a new quote"
        return Declined(Code.QUOTE_EXPIRED, text, reason="invalid_payment_requirements")
    return None

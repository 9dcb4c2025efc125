"""Payments and the carts that they paid."""

from collections.abc import Iterator, Sequence

from tillway.core.carts import Cart, CartState
from tillway.core.ids import CartId
from tillway.core.money import Money
from tillway.core.payments import Payment, State
from tillway.core.quotes import Purpose
from tillway.core.services.reconciling.desk import Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind


async def cart(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare a payment of a cart that is settled, or reversed, with the cart."""
    purchase = payment.purchase
    if purchase.purpose is not Purpose.CART or payment.state not in (State.SETTLED, State.REVERSED):
        return []
    found = await desk.view.carts.get(payment.tenant, CartId(purchase.resource))
    if payment.state is State.REVERSED:
        return [] if found is None else list(_still_paid(payment, found))
    if found is None:
        return [of_payment(Kind.CART_MISSING, payment, f"paid cart {purchase.resource}")]
    return list(_differences(payment, found))


def _still_paid(payment: Payment, cart: Cart) -> Iterator[Finding]:
    if cart.paid_with == payment.signature:
        text = f"is reversed, and cart {cart.id} is paid with it"
        yield of_payment(Kind.CART_PAID_OTHERWISE, payment, text)


def _differences(payment: Payment, cart: Cart) -> Iterator[Finding]:
    if cart.state is not CartState.PAID:
        yield of_payment(Kind.CART_NOT_PAID, payment, f"paid cart {cart.id}, which is {cart.state}")
    elif cart.paid_with not in (payment.signature, payment.key):
        text = f"paid cart {cart.id}, which is paid with {cart.paid_with}"
        yield of_payment(Kind.CART_PAID_OTHERWISE, payment, text)
    for price in _prices(cart):
        # Each way to pay has a price of its own.
        if price.asset == payment.amount.asset and price != payment.amount:
            text = f"paid {payment.amount} for cart {cart.id}, which costs {price}"
            yield of_payment(Kind.CART_AMOUNT, payment, text)


def _prices(cart: Cart) -> Iterator[Money]:
    by_card = None if cart.card is None else cart.card.total
    yield from (price for price in (cart.total, by_card) if price is not None)

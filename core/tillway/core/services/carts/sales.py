"""Sell carts on a provider's page: at their own price, one checkout of a cart at a time."""

from collections.abc import Mapping

from attrs import define, evolve, frozen

from tillway.core.carts import CardBill, Cart
from tillway.core.checkouts import ENDED_WITHOUT_PAY, Checkout, CheckoutId, CheckoutState
from tillway.core.errors import Code, Declined, TillwayError, Unavailable
from tillway.core.money import Money
from tillway.core.observations import CartSeen
from tillway.core.payments import Asked, Payment, Purchase
from tillway.core.ports.hosting import OrderLine
from tillway.core.ports.rails import Destination
from tillway.core.quotes import Purpose
from tillway.core.services.carts.baskets import Basket
from tillway.core.services.carts.carting import Carting
from tillway.core.services.carts.subject import (
    MOST_CHECKOUTS,
    Carts,
    checkout_id,
    firm,
    metadata_of,
    taken,
    taking,
    ware_of,
)
from tillway.core.services.hosted.cards import Buyer
from tillway.core.services.hosted.checkouts import Checkouts, Wanted
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.terms import redemption
from tillway.core.services.wishes import checked_metadata
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Sold:
    """A cart and where it can be paid, or the payment of one that costs nothing by card."""

    cart: Cart
    by: Checkout | Payment


@define(kw_only=True)
class CartSales:
    """Open checkouts for carts."""

    carting: Carting
    carts: Carts
    checkouts: Checkouts
    free: Free

    async def open(self, basket: Basket, buyer: Buyer, asked: Asked, who: str) -> Sold:
        """Make a cart and open its checkout.

        Declined as `Carting.by_card` and `Checkouts.open` are; everything that the buyer may be
        refused for is refused before the cart is written.
        """
        self.checkouts.rail()
        self._refuse_wishes(buyer)
        cart = await self.carting.by_card(basket, who)
        if cart.card is not None:
            self.checkouts.refuse_too_little(cart.card.total, cart.card.promotion)
        await self.carting.keep(cart)
        return await self._sold(cart, buyer, asked)

    async def open_again(self, tenant: Tenant, name: str, buyer: Buyer, asked: Asked) -> Sold:
        """Give the open checkout of a cart that was made before, or open one.

        Declined: cart_not_found; quote_expired and cart_already_paid once it is closed;
        invalid_resource if it has no price for cards.
        """
        self.checkouts.rail()
        self._refuse_wishes(buyer)
        purchase = Purchase(tenant=tenant, purpose=Purpose.CART, resource=name)
        cart = await self.carts.get(tenant, name)
        if cart is None:
            raise self.carts.absent(purchase)
        closed = ware_of(cart, self.carts.clock.now()).closed
        if closed is not None:
            raise closed
        return await self._sold(cart, buyer, asked)

    def _refuse_wishes(self, buyer: Buyer) -> None:
        self.checkouts.pages.success(buyer.success_url)
        self.checkouts.pages.cancel(buyer.cancel_url)
        checked_metadata(buyer.metadata)

    async def _sold(self, cart: Cart, buyer: Buyer, asked: Asked) -> Sold:
        bill = cart.card
        if bill is None:
            text = "This cart has no price for cards."
            raise Declined(Code.INVALID_RESOURCE, text, field="cartId")
        try:
            by = await self._opened(cart, bill, buyer, asked)
        except TillwayError:
            self._seen(cart, "session_creation_failed")
            raise
        if isinstance(by, Checkout):
            self._seen(cart, "session_created")
        return Sold(cart=cart, by=by)

    async def _opened(
        self, cart: Cart, bill: CardBill, buyer: Buyer, asked: Asked
    ) -> Checkout | Payment:
        if bill.total is not None and bill.total.minor == 0:
            return await self._given(cart, bill, bill.total, asked)
        checkout, free = await self._place(cart)
        if checkout is None:
            wanted = _wanted(cart, bill, buyer, free)
            strict = evolve(wanted, needs_promotion=self.carting.quoting.strict)
            checkout = await self.checkouts.open(strict, asked)
        if checkout.state is CheckoutState.PAID:
            raise taken()
        if checkout.state is not CheckoutState.OPEN or checkout.url is None:
            # Another request is opening it, or has just ended it.
            raise Unavailable(Code.STRIPE_ERROR, retry_after=2.0)
        return checkout

    async def _place(self, cart: Cart) -> tuple[Checkout | None, CheckoutId]:
        """Give the cart's checkout that is not given up, or the id for its next."""
        async with self.carts.store.view() as view:
            for turn in range(MOST_CHECKOUTS):
                name = checkout_id(cart.id, turn)
                found = await view.checkouts.get(cart.tenant, name)
                if found is None or found.state not in ENDED_WITHOUT_PAY:
                    return found, name
        text = "The checkout of this cart was given up too often. Please make another cart."
        raise Declined(Code.QUOTE_EXPIRED, text)

    async def _given(self, cart: Cart, bill: CardBill, nothing: Money, asked: Asked) -> Payment:
        """Grant what costs nothing by card."""
        rail, ware = self.checkouts.rail(), ware_of(cart, self.carts.clock.now())
        ware = evolve(ware, firm=firm(nothing, bill.coupons, bill.limits))
        to = Destination(network=rail.name, pay_to=rail.name, price=nothing)
        purchase = _purchase(cart)
        terms = await self.carting.quoting.priced(ware, to, rail.method, purchase)
        return await self.free.grant(purchase, asked, terms.quote)

    def _seen(self, cart: Cart, status: str) -> None:
        self.carts.observe(CartSeen(status=status, lines=len(cart.items)))


def _purchase(cart: Cart) -> Purchase:
    return Purchase(tenant=cart.tenant, purpose=Purpose.CART, resource=cart.id)


def _wanted(cart: Cart, bill: CardBill, buyer: Buyer, name: CheckoutId) -> Wanted:
    return Wanted(
        id=name,
        purchase=_purchase(cart),
        lines=_lines(cart),
        amount=bill.total,
        discount=bill.discount,
        reservations=(
            taking(cart),
            *(redemption(cart.tenant, code, bill.limits) for code in bill.coupons),
        ),
        metadata=metadata_of(cart, card=True),
        wishes=buyer.metadata,
        shown=_shown(cart, bill),
        success_url=buyer.success_url,
        cancel_url=buyer.cancel_url,
        customer_email=buyer.email,
        promotion_code=bill.promotion,
    )


def _lines(cart: Cart) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(
            description=item.description or item.resource or item.price_id,
            quantity=item.quantity,
            unit=item.card,
            price_id=item.price_id,
        )
        for item in cart.items
    )


def _shown(cart: Cart, bill: CardBill) -> Mapping[str, str]:
    """Give what the contract notes on a session; of too much for it, the last is kept."""
    metadata = metadata_of(cart, card=True)
    shown = {
        "cart_items": metadata["cart_items"],
        "total_quantity": metadata["total_quantity"],
        "resource_id": cart.id,
    }
    if bill.coupons or bill.promotion:
        shown["coupon_code"] = ",".join((*bill.coupons, *filter(None, [bill.promotion])))
    return shown

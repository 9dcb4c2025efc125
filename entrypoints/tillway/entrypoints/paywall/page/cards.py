"""What the page tells of cards: what they pay, once or from period to period, or why not."""

from attrs import define, frozen

from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.payments import Purchase
from tillway.core.ports.hosting import HostsCheckout
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.hosted.least import too_little
from tillway.core.services.subscriptions.cards import Offered


@frozen(kw_only=True)
class Price:
    """What it costs in one way; ``before`` is the list price where something comes off.

    ``amount`` is None where only the card provider knows it.
    """

    amount: Money | None
    before: Money | None = None


@frozen(kw_only=True)
class ByCard:
    """How something is paid by card: once at ``price``, or as a ``plan``.

    ``refusal`` is why it cannot be, in words for people; "" where there is no more to say.
    """

    price: Price | None = None
    plan: Offered | None = None
    refusal: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether there is a page to pay on."""
        return not self.refusal and (self.price is not None or self.plan is not None)


@define
class Cards:
    """Look how cards are taken. Nothing is written."""

    services: Services

    async def of(self, product: Product, purchase: Purchase) -> ByCard:
        """Tell it for a product or a cart; nothing where no provider takes it."""
        if purchase.purpose is Purpose.CART:
            return await self._cart(purchase)
        rail = next((each for each in self.services.rails.hosting if each.takes(product)), None)
        if rail is None:
            return ByCard()
        if product.subscription is not None:
            return await self._plan(purchase)
        if product.fiat_price is None:
            return ByCard(price=Price(amount=None))
        counter = await self.services.shop.counter(purchase.tenant, purchase.coupon)
        priced = counter.priced(product).card
        return ByCard() if priced is None else _once(rail, priced.total, priced.original)

    async def _cart(self, purchase: Purchase) -> ByCard:
        """Tell what a cart comes to: also where its lines have prices of the provider's only."""
        cart = await self.services.carts.get(purchase.tenant, purchase.resource)
        rail = next(iter(self.services.rails.hosting), None)
        if cart is None or cart.card is None or rail is None:
            return ByCard()
        if cart.card.total is None:
            return ByCard(price=Price(amount=None))
        return _once(rail, cart.card.total, None)

    async def _plan(self, purchase: Purchase) -> ByCard:
        plans = self.services.subscribe.cards
        try:
            plan = await plans.offered(purchase.tenant, purchase.resource, purchase.coupon)
        except Declined as refusal:
            if refusal.code is Code.INVALID_AMOUNT:
                return ByCard(refusal=refusal.message)
            if refusal.field == "couponCode":
                raise
            return ByCard()  # subscriptions are off, or have no price for cards
        return ByCard(plan=plan)


def _once(rail: HostsCheckout, due: Money, before: Money | None) -> ByCard:
    refusal = too_little(rail, due)
    words = "" if refusal is None else refusal.message
    return ByCard(price=against(due, before), refusal=words)


def against(due: Money, before: Money | None) -> Price:
    """Give a price beside the list's, if they differ."""
    same = before is None or before.asset != due.asset or before == due
    return Price(amount=due, before=None if same else before)

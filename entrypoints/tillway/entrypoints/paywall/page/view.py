"""What the page tells of a purchase, gathered from the services."""

from collections.abc import Mapping, Sequence

from attrs import define, frozen

from tillway.core.carts import CartItem
from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined
from tillway.core.ids import CartId, ProductId
from tillway.core.money import Money
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.paying.elsewhere import Linked
from tillway.core.services.paying.quote import Quoted
from tillway.entrypoints.paywall.request import Request

_OLDEST = 0
"""The version of x402 in which wallets pay by the page's script."""


@frozen(kw_only=True)
class Price:
    """What it costs in one way; ``before`` is the list price where something comes off.

    ``amount`` is None where only the card provider knows it.
    """

    amount: Money | None
    before: Money | None = None


@frozen(kw_only=True)
class View:
    """A purchase as people see it.

    ``lines`` are a cart's. ``network`` is the chain's name in x402 version 0, None where nothing
    is sold on one; ``sponsored`` tells that we pay the network's fee there. ``linked`` is for
    wallets on other devices. ``notice`` is why a coupon was not taken. The price holds until
    ``expires_at``, in seconds since 1970.
    """

    purchase: Purchase
    product: Product
    lines: tuple[CartItem, ...] = ()
    coupon: str = ""
    notice: str = ""
    free: bool = False
    card: Price | None = None
    token: Price | None = None
    network: str | None = None
    sponsored: bool = False
    linked: Linked | None = None
    expires_at: int | None = None


@define
class Views:
    """Gather views. Nothing is written."""

    services: Services

    async def of(self, request: Request, purchase: Purchase) -> View:
        """Show a purchase; Declined if there is nothing to be sold.

        A coupon that does not count is said to, and the price is told without it.
        """
        try:
            return await self._view(request, purchase)
        except Declined as refusal:
            if not purchase.coupon or refusal.field != "couponCode":
                raise
            without = Purchase(
                tenant=purchase.tenant, purpose=purchase.purpose, resource=purchase.resource
            )
            return await self._view(request, without, purchase.coupon, refusal.message)

    async def _view(
        self, request: Request, purchase: Purchase, typed: str = "", notice: str = ""
    ) -> View:
        quoted = await self._quoted(request, purchase)
        card, token = await self._card(quoted, purchase), await self._token(quoted, purchase)
        if quoted.free is None and not quoted.offers and card is None:
            raise Declined(Code.INVALID_RESOURCE, "This resource cannot be paid here.")
        oldest = _oldest_offer(quoted)
        return View(
            purchase=purchase,
            product=quoted.product,
            lines=await self._lines(purchase),
            coupon=typed or purchase.coupon or "",
            notice=notice or await self._notice(quoted, purchase),
            free=quoted.free is not None,
            card=card,
            token=token,
            network=None if oldest is None else str(oldest["network"]),
            sponsored=oldest is not None and _is_sponsored(oldest),
            linked=self.services.elsewhere.linked(quoted, request.url),
            expires_at=min((each.quote.expires_at for each in quoted.offers), default=None),
        )

    async def _quoted(self, request: Request, purchase: Purchase) -> Quoted:
        """Quote it; what no rail offers may yet be sold on a provider's page."""
        try:
            return await self.services.quote.quote(purchase, request.url)
        except Declined as refusal:
            if refusal.code is not Code.INVALID_RESOURCE or "methods" not in refusal.details:
                raise
            ware = await self.services.quote.subjects.ware(purchase)
            return Quoted(product=ware.product)

    async def _card(self, quoted: Quoted, purchase: Purchase) -> Price | None:
        product = quoted.product
        hosted = any(rail.takes(product) for rail in self.services.rails.hosting)
        if not hosted or product.subscription is not None or quoted.free is not None:
            return None
        if product.fiat_price is None or purchase.purpose is not Purpose.PURCHASE:
            return Price(amount=product.fiat_price)
        counter = await self.services.shop.counter(purchase.tenant, purchase.coupon)
        priced = counter.priced(product).card
        return None if priced is None else _against(priced.total, priced.original)

    async def _token(self, quoted: Quoted, purchase: Purchase) -> Price | None:
        if not quoted.offers:
            return None
        due = quoted.offers[0].quote.amount
        before = quoted.product.crypto_price
        return _against(due, before if purchase.purpose is Purpose.PURCHASE else None)

    async def _lines(self, purchase: Purchase) -> tuple[CartItem, ...]:
        if purchase.purpose is not Purpose.CART:
            return ()
        async with self.services.store.view(once=True) as view:
            cart = await view.carts.get(purchase.tenant, CartId(purchase.resource))
        return () if cart is None else cart.items

    async def _notice(self, quoted: Quoted, purchase: Purchase) -> str:
        code = purchase.coupon
        if not code or quoted.free is not None or code in _taken(quoted):
            return ""
        products: Sequence[ProductId] = (quoted.product.id,)
        told = await self.services.shop.coupon(purchase.tenant, code, products, None)
        return "" if told.refusal is None else told.refusal.message


def _is_sponsored(offer: Mapping[str, object]) -> bool:
    extra = offer["extra"]
    return isinstance(extra, Mapping) and "feePayer" in extra


def _taken(quoted: Quoted) -> set[str]:
    return {code for offer in quoted.offers for code in offer.quote.applied}


def _against(due: Money, before: Money | None) -> Price:
    same = before is None or before.asset != due.asset or before == due
    return Price(amount=due, before=None if same else before)


def _oldest_offer(quoted: Quoted) -> Mapping[str, object] | None:
    for offer in quoted.offers:
        for accept in offer.accepts.get(_OLDEST, ()):
            return accept
    return None

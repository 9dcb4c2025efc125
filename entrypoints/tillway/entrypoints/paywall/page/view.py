"""What the page tells of a purchase, gathered from the services."""

from collections.abc import Mapping, Sequence

from attrs import define, field, frozen

from tillway.core.carts import Cart, CartItem
from tillway.core.catalog import Product
from tillway.core.coupons import CouponRefusal
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId, coupon_code_fault
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.paying.elsewhere import Linked
from tillway.core.services.paying.quote import Quoted
from tillway.entrypoints.paywall.page.cards import ByCard, Cards, Price, against
from tillway.entrypoints.paywall.request import Request

_ASKED = "If it is a promotion of the card page's, it comes off there."
_OLDEST = 0
"""The version of x402 in which wallets pay by the page's script."""


@frozen(kw_only=True)
class View:
    """A purchase as people see it.

    ``lines`` are a cart's. ``network`` is the chain's name in x402 version 0, None where nothing
    is sold on one; ``sponsored`` tells that we pay the network's fee there. ``linked`` is for
    wallets on other devices. ``notice`` is why a coupon was not taken; a ``promotion`` is one that
    only the card provider may know, who is asked for it. ``taken`` are those that were taken off
    a cart when it was made. ``periods`` tells that what a wallet pays begins or extends a
    subscription. ``origin`` is where this page is, if a card provider may send buyers back to it.
    The price holds until ``expires_at``, in seconds since 1970.
    """

    purchase: Purchase
    product: Product
    lines: tuple[CartItem, ...] = ()
    coupon: str = ""
    notice: str = ""
    free: bool = False
    card: ByCard = field(factory=ByCard)
    token: Price | None = None
    network: str | None = None
    sponsored: bool = False
    linked: Linked | None = None
    expires_at: int | None = None
    promotion: str = ""
    taken: tuple[str, ...] = ()
    periods: bool = False
    origin: str = ""


@define
class Views:
    """Gather views. Nothing is written."""

    services: Services
    cards: Cards = field(init=False)

    @cards.default
    def _look_at_cards(self) -> Cards:
        return Cards(self.services)

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
            return await self._view(request, without, purchase.coupon, refusal)

    async def _view(
        self,
        request: Request,
        purchase: Purchase,
        typed: str = "",
        refused: CouponRefusal | Declined | None = None,
    ) -> View:
        quoted = await self._quoted(request, purchase)
        token = await self._token(quoted, purchase)
        card = ByCard() if quoted.free else await self.cards.of(quoted.product, purchase)
        if quoted.free is None and not quoted.offers and not card.is_open and not card.refusal:
            raise Declined(Code.INVALID_RESOURCE, "This resource cannot be paid here.")
        cart, oldest = await self._cart(purchase), _oldest_offer(quoted)
        code = typed or purchase.coupon or ""
        refused = refused or await self._refused(quoted, purchase)
        sold_once = card.is_open and card.price is not None
        promotion = code if sold_once and _may_be_theirs(code, refused) else ""
        return View(
            purchase=purchase,
            product=quoted.product,
            lines=() if cart is None else cart.items,
            taken=() if cart is None else _coupons(cart),
            coupon=code,
            notice=_notice(refused, promotion),
            promotion=promotion,
            free=quoted.free is not None,
            card=card,
            token=token,
            network=None if oldest is None else str(oldest["network"]),
            sponsored=oldest is not None and _is_sponsored(oldest),
            linked=self.services.elsewhere.linked(quoted, request.url),
            expires_at=min((each.quote.expires_at for each in quoted.offers), default=None),
            periods=self._sells_periods(quoted.product, purchase),
            origin=self._origin(request),
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

    async def _token(self, quoted: Quoted, purchase: Purchase) -> Price | None:
        if not quoted.offers:
            return None
        due = quoted.offers[0].quote.amount
        before = quoted.product.crypto_price
        return against(due, before if purchase.purpose is Purpose.PURCHASE else None)

    async def lines(self, purchase: Purchase) -> tuple[CartItem, ...]:
        """Give what is in a cart, closed or not."""
        cart = await self._cart(purchase)
        return () if cart is None else cart.items

    async def _cart(self, purchase: Purchase) -> Cart | None:
        if purchase.purpose is not Purpose.CART:
            return None
        return await self.services.carts.get(purchase.tenant, purchase.resource)

    def _sells_periods(self, product: Product, purchase: Purchase) -> bool:
        terms = product.subscription
        enabled = self.services.subscribe.known.enabled
        plain = purchase.purpose is Purpose.PURCHASE
        return enabled and plain and terms is not None and terms.allow_x402

    def _origin(self, request: Request) -> str:
        """Give where this page is; "" if the card provider may not send anybody here."""
        allowed = self.services.checkouts.pages.allows(request.url)
        return request.url.removesuffix(request.path) if allowed else ""

    async def _refused(self, quoted: Quoted, purchase: Purchase) -> CouponRefusal | None:
        code = purchase.coupon
        if not code or quoted.free is not None or code in _taken(quoted):
            return None
        products: Sequence[ProductId] = (quoted.product.id,)
        told = await self.services.shop.coupon(purchase.tenant, code, products, None)
        return told.refusal


def _may_be_theirs(code: str, refused: CouponRefusal | Declined | None) -> bool:
    """Tell whether a code that is none of ours may be a promotion of the card provider's."""
    unknown = refused is not None and refused.code is Code.COUPON_NOT_FOUND
    return unknown and coupon_code_fault(code) is None


def _notice(refused: CouponRefusal | Declined | None, promotion: str) -> str:
    if refused is None:
        return ""
    return f"{refused.message}. {_ASKED}" if promotion else refused.message


def _is_sponsored(offer: Mapping[str, object]) -> bool:
    extra = offer["extra"]
    return isinstance(extra, Mapping) and "feePayer" in extra


def _coupons(cart: Cart) -> tuple[str, ...]:
    """Give what was taken off a cart, by whichever way it is paid."""
    card = () if cart.card is None else cart.card.coupons
    return tuple(dict.fromkeys((*cart.coupons, *card)))


def _taken(quoted: Quoted) -> set[str]:
    return {code for offer in quoted.offers for code in offer.quote.applied}


def _oldest_offer(quoted: Quoted) -> Mapping[str, object] | None:
    for offer in quoted.offers:
        for accept in offer.accepts.get(_OLDEST, ()):
            return accept
    return None

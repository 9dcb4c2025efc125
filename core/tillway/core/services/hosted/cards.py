"""Sell single products on a provider's page, at the price that list and quote show."""

from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field, frozen

from tillway.core.catalog import Product
from tillway.core.checkouts import Checkout
from tillway.core.errors import Code, Declined
from tillway.core.ids import coupon_code_fault
from tillway.core.observations import PaymentStarted
from tillway.core.payments import Asked, Payment, Purchase
from tillway.core.ports.hosting import HostsCheckout, OrderLine
from tillway.core.ports.rails import Destination
from tillway.core.pricing import Priced
from tillway.core.services.hosted.checkouts import Checkouts, Wanted
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.quote import Quoting, unsold
from tillway.core.services.subjects import Ware
from tillway.core.services.wishes import checked_metadata

NOT_CONFIGURED = "paywall: resource not configured"
WRONG_METHOD = "coupon not valid for card payments"


@frozen(kw_only=True)
class Buyer:
    """What the client says beside what it wants. Nothing of it decides what is charged."""

    email: str | None = field(default=None, repr=False)
    success_url: str | None = None
    cancel_url: str | None = None
    metadata: Mapping[str, str] = {}


@define(kw_only=True)
class CardSales:
    """Open checkouts for products."""

    quoting: Quoting
    checkouts: Checkouts
    free: Free

    async def open(self, purchase: Purchase, buyer: Buyer, asked: Asked) -> Checkout | Payment:
        """Open a checkout for one product; what costs nothing is granted instead.

        Declined for what is not sold by card, for a coupon of another way to pay and, where
        coupons are strict, for one that does not count; otherwise as `Checkouts.open`. A code
        that we do not know may be a promotion of the provider's.
        """
        ware = await self._ware(purchase)
        rail = self.checkouts.rail()
        if not rail.takes(ware.product):
            raise unsold(ware.product)
        self._refuse_wishes(buyer)
        promotion = await self._promotion(rail, purchase)
        if promotion is not None:
            purchase = evolve(purchase, coupon=None)
        if ware.product.fiat_price is None:
            self._refuse_unpriced(purchase)
            wanted = _at_their_price(purchase, ware, buyer, promotion)
        else:
            found = await self._at_our_price(rail, purchase, ware, buyer, asked, promotion)
            if isinstance(found, Payment):
                return found
            wanted = found
        self.quoting.observe(PaymentStarted(method=rail.method, resource=ware.product.id))
        strict = evolve(wanted, needs_promotion=self.quoting.strict)
        return await self.checkouts.open(strict, asked)

    async def _ware(self, purchase: Purchase) -> Ware:
        try:
            return await self.quoting.subjects.ware(purchase)
        except Declined as refusal:
            if refusal.code is not Code.RESOURCE_NOT_FOUND:
                raise
            details = {"resourceId": purchase.resource}
            raise Declined(refusal.code, NOT_CONFIGURED, details=details) from refusal

    def _refuse_wishes(self, buyer: Buyer) -> None:
        """Refuse what would be refused later, before anything is granted for nothing."""
        self.checkouts.pages.success(buyer.success_url)
        self.checkouts.pages.cancel(buyer.cancel_url)
        checked_metadata(buyer.metadata)

    async def _promotion(self, rail: HostsCheckout, purchase: Purchase) -> str | None:
        """Give the typed code if it may be the provider's; refuse one of another way to pay."""
        code = purchase.coupon
        if code is None:
            return None
        typed = (await self.quoting.sale(purchase.tenant, rail.method, code)).typed
        if typed is None:
            return code if coupon_code_fault(code) is None else None
        if not typed.takes(rail.method):
            raise Declined(Code.COUPON_WRONG_PAYMENT_METHOD, WRONG_METHOD, field="couponCode")
        return None

    def _refuse_unpriced(self, purchase: Purchase) -> None:
        """Refuse a coupon of ours: it takes nothing off a price that only the provider knows."""
        if purchase.coupon is not None and self.quoting.strict:
            raise Declined(Code.COUPON_NOT_APPLICABLE, field="couponCode")

    async def _at_our_price(
        self,
        rail: HostsCheckout,
        purchase: Purchase,
        ware: Ware,
        buyer: Buyer,
        asked: Asked,
        promotion: str | None,
    ) -> Wanted | Payment:
        price = ware.product.fiat_price
        if price is None:
            raise unsold(ware.product)
        to = Destination(network=rail.name, pay_to=rail.name, price=price)
        terms = await self.quoting.priced(ware, to, rail.method, purchase)
        if terms.quote.amount.minor == 0:
            return await self.free.grant(purchase, asked, terms.quote)
        agreed = self.free.terms.agreed(terms.quote, ours=False, ware=ware)
        priced = terms.priced
        taken_off = priced.original - priced.total
        discount = taken_off if taken_off.minor and promotion is None else None
        unit = priced.original if promotion is None else priced.total
        line = OrderLine(
            description=_description(ware.product),
            unit=unit,
            price_id=ware.product.stripe_price_id,
        )
        return _wanted(
            purchase,
            ware,
            buyer,
            line,
            amount=priced.total,
            discount=discount,
            reservations=agreed.reservations,
            shown=_shown(purchase, priced),
            promotion_code=promotion,
        )


def _at_their_price(purchase: Purchase, ware: Ware, buyer: Buyer, promotion: str | None) -> Wanted:
    line = OrderLine(description=_description(ware.product), price_id=ware.product.stripe_price_id)
    shown = {"resource_id": purchase.resource}
    return _wanted(purchase, ware, buyer, line, amount=None, shown=shown, promotion_code=promotion)


def _wanted(purchase: Purchase, ware: Ware, buyer: Buyer, line: OrderLine, **more: Any) -> Wanted:
    return Wanted(
        purchase=purchase,
        lines=(line,),
        metadata=ware.metadata,
        wishes=buyer.metadata,
        success_url=buyer.success_url,
        cancel_url=buyer.cancel_url,
        customer_email=buyer.email,
        **more,
    )


def _description(product: Product) -> str:
    return product.description or product.id


def _shown(purchase: Purchase, priced: Priced) -> Mapping[str, str]:
    """Give what the contract notes on a session, in its words."""
    shown = {"resource_id": purchase.resource}
    if priced.applied:
        shown["coupon_code"] = ",".join(priced.applied)
        shown["original_amount_cents"] = str(priced.original.minor)
        shown["discount_amount_cents"] = str((priced.original - priced.total).minor)
    return shown

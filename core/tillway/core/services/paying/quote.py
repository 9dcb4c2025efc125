"""Quote a price on every rail that can take it. Quoting writes nothing (design 5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve, field, frozen

from tillway.core.catalog import Coupon, PriceKind, Product
from tillway.core.coupons import coupon_refusal
from tillway.core.errors import Code, Declined
from tillway.core.ids import CouponCode, coupon_code_fault
from tillway.core.money import Rounding
from tillway.core.observations import Observation, Observer, PaymentStarted, RefundOffered
from tillway.core.payments import Purchase
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.rails import Destination, Offer, Offers, Shown
from tillway.core.ports.seals import Seals
from tillway.core.ports.store import Store
from tillway.core.pricing import Priced, Sale
from tillway.core.quotes import NONCE_BYTES, Purpose, Quote
from tillway.core.services.paying.prices import Prices
from tillway.core.services.rails import Rails
from tillway.core.services.subjects import Subjects, Ware
from tillway.core.tenancy import Tenant

LONGEST_LIFE: Final = 24 * 3600
"""Seconds for which a quote is good at most; whoever needs longer asks for another."""


@frozen(kw_only=True)
class PricedQuote:
    """What one purchase costs on one rail, and the quote that promises it."""

    quote: Quote
    priced: Priced


@frozen(kw_only=True)
class Quoted:
    """What a buyer is shown: offers, or a quote that costs nothing.

    ``product`` is what is offered, as buyers see it.
    """

    product: Product
    offers: Sequence[Offer] = ()
    free: Quote | None = None


@define(kw_only=True)
class Quoting:
    """Price purchases and promise the price for ``lifetime``.

    ``strict`` refuses a typed coupon that does not apply; otherwise it is ignored.
    """

    store: Store
    catalogue: Catalogue
    subjects: Subjects
    rails: Rails
    seals: Seals
    clock: Clock
    random: Random
    lifetime: timedelta
    rounding: Rounding
    strict: bool
    observe: Observer
    _seconds: int = field(init=False, repr=False)
    _prices: Prices = field(factory=Prices, init=False, repr=False)

    @_seconds.default
    def _whole_seconds(self) -> int:
        return int(self.lifetime.total_seconds())

    async def quote(self, purchase: Purchase, url: str) -> Quoted:
        """Offer the purchase on every rail that sells it, in their order.

        Raises Declined: resource_not_found and its like; invalid_resource with
        ``details.methods`` for an item that no rail here can sell; the coupon's own code when
        strict.
        """
        ware = await self.subjects.ware(purchase)
        product = ware.product
        offers: list[Offer] = []
        for rail in self.rails.offering:
            destination = rail.sells(product)
            if destination is None:
                continue
            terms = await self.priced(ware, destination, rail.method, purchase)
            self.observe(_started(purchase))
            if terms.quote.amount.minor == 0:
                return Quoted(product=product, free=terms.quote)
            offer = self._offer(rail, product, terms, url)
            if offer.accepts:
                offers.append(offer)
        if not offers:
            return Quoted(product=product, free=await self._free_by_page(purchase, ware))
        return Quoted(product=product, offers=offers)

    async def _free_by_page(self, purchase: Purchase, ware: Ware) -> Quote:
        """Quote what nothing is left of to be paid on a provider's page; Declined for the rest."""
        price = ware.product.fiat_price
        for rail in self.rails.hosting:
            if price is None or purchase.purpose not in _BY_PAGE:
                break
            to = Destination(network=rail.name, pay_to=rail.name, price=price)
            quote = (await self.priced(ware, to, rail.method, purchase)).quote
            if quote.amount.minor == 0:
                return quote
        raise unsold(ware.product)

    def destination(self, rail: Offers, product: Product) -> Destination:
        """Tell where a rail takes the money for a product; Declined if it cannot sell it."""
        destination = rail.sells(product)
        if destination is None:
            raise unsold(product)
        return destination

    async def priced(
        self,
        ware: Ware,
        destination: Destination,
        method: str,
        purchase: Purchase,
        *,
        limited: bool = True,
    ) -> PricedQuote:
        """Price a purchase now. ``limited`` False leaves coupons with a usage limit out.

        What has a firm price costs that.
        """
        if ware.firm is not None:
            quote = self._quote(purchase, destination, ware.firm, self.clock.now(), ware)
            return PricedQuote(quote=quote, priced=ware.firm)
        sale = await self.sale(purchase.tenant, method, purchase.coupon)
        if not limited:
            sale = _without_limited(sale)
        elif self.strict:
            _refuse_typed(ware.product, destination, sale, purchase.coupon)
        priced = self._prices.item(ware.product, sale, destination.price)
        quote = self._quote(purchase, destination, priced, sale.now, ware)
        return PricedQuote(quote=quote, priced=priced)

    async def sale(self, tenant: Tenant, method: str, typed: str | None = None) -> Sale:
        """Gather what prices depend on: the coupons on offer and how often they were used.

        The store is asked only if one with a usage limit applies by itself or was typed.
        """
        coupons = await self.catalogue.coupons(tenant)
        named = await self._named(tenant, coupons, typed) if typed else None
        limited = [each for each in coupons if each.usage_limit and each.auto_apply]
        if named is not None and named.usage_limit:
            limited.append(named)
        return Sale(
            method=method,
            now=self.clock.now(),
            rounding=self.rounding,
            coupons=coupons,
            typed=named,
            used=await self.used(tenant, limited) if limited else {},
        )

    async def _named(self, tenant: Tenant, coupons: Sequence[Coupon], typed: str) -> Coupon | None:
        named = next((coupon for coupon in coupons if coupon.code == typed), None)
        if named is None and coupon_code_fault(typed) is None:
            named = await self.catalogue.coupon(tenant, CouponCode(typed))
        return named

    async def used(self, tenant: Tenant, coupons: Sequence[Coupon]) -> Mapping[CouponCode, int]:
        """Count redemptions of these coupons, reserved ones included."""
        names = {f"coupon:{each.code}": each.code for each in coupons}
        async with self.store.view(once=True) as view:
            totals = await view.tallies.totals(tenant, list(names))
        return {names[name]: total for name, total in totals.items()}

    def _quote(
        self,
        purchase: Purchase,
        destination: Destination,
        priced: Priced,
        at: datetime,
        ware: Ware,
    ) -> Quote:
        now = int(at.timestamp())
        return Quote(
            network=destination.network,
            tenant=purchase.tenant,
            purpose=purchase.purpose,
            resource=purchase.resource,
            quantity=purchase.quantity,
            inputs=purchase.inputs,
            amount=priced.total,
            pay_to=destination.pay_to,
            coupons=priced.bound,
            applied=priced.applied,
            principal=None,
            issued_at=now,
            expires_at=self._end(now, ware),
            nonce=self.random(NONCE_BYTES),
            limits=priced.limits,
        )

    def _end(self, now: int, ware: Ware) -> int:
        """Tell until when a quote is good: what has an end of its own is promised up to that."""
        if ware.expires_at is None:
            return now + self._seconds
        return min(_whole(ware.expires_at), now + LONGEST_LIFE)

    def _offer(self, rail: Offers, product: Product, terms: PricedQuote, url: str) -> Offer:
        shown, quote = shown_of(product, terms.priced, url), terms.quote
        authenticator = str(self.seals.authenticate(quote))
        return rail.offer(quote, self.seals.seal(quote), authenticator, shown)


def shown_of(product: Product, priced: Priced, url: str) -> Shown:
    """Give what an offer tells about a product and the coupons that came off."""
    return Shown(
        url=url,
        description=product.description,
        extra=_coupon_texts(priced),
        memo_template=product.memo_template or None,
    )


def _coupon_texts(priced: Priced) -> Mapping[str, str]:
    if not priced.applied or not priced.lines:  # a firm price has been explained before
        return {}
    texts = {
        "original_amount": priced.original.to_major(),
        "discounted_amount": priced.total.to_major(),
        "applied_coupons": ",".join(priced.applied),
        "catalog_coupons": ",".join(priced.catalog),
        "checkout_coupons": ",".join(priced.checkout),
    }
    return {name: text for name, text in texts.items() if text}


def _refuse_typed(product: Product, destination: Destination, sale: Sale, code: str | None) -> None:
    if not code:
        return
    refusal = coupon_refusal(
        code,
        sale.typed,
        now=sale.now,
        used=sale.used.get(CouponCode(code), 0),
        method=sale.method,
        products=(product.id,),
        asset=destination.price.asset,
    )
    if refusal is not None:
        raise refusal.declined()


def _without_limited(sale: Sale) -> Sale:
    typed = sale.typed if sale.typed is not None and sale.typed.usage_limit is None else None
    unlimited = tuple(coupon for coupon in sale.coupons if coupon.usage_limit is None)
    return evolve(sale, coupons=unlimited, typed=typed)


def _whole(moment: datetime) -> int:
    return int(moment.timestamp())


def _started(purchase: Purchase) -> Observation:
    if purchase.purpose is Purpose.REFUND:
        return RefundOffered()
    return PaymentStarted(method="quote", resource=subject_word(purchase))


def subject_word(purchase: Purchase) -> str:
    """Name what is bought for metrics: ids that are made for one purchase are no label."""
    return purchase.resource if purchase.purpose in _NAMED else purchase.purpose.value


_NAMED = frozenset({Purpose.PURCHASE, Purpose.SUBSCRIPTION})
_BY_PAGE = frozenset({Purpose.PURCHASE, Purpose.CART})
"""What is paid once on a provider's page, and so granted if nothing is due."""


def unsold(product: Product) -> Declined:
    """Refuse a product that cannot be paid where it was asked for; name its ways to pay."""
    card = product.price(PriceKind.FIAT) is not None or product.stripe_price_id
    token = product.price(PriceKind.CRYPTO) is not None
    methods = [name for name, sold in (("stripe", card), ("x402", token)) if sold]
    return Declined(
        Code.INVALID_RESOURCE,
        "This resource cannot be paid here in this way.",
        field="resource",
        details={"resourceId": product.id, "methods": methods},
    )

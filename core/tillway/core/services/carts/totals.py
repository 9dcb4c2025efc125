"""What a cart comes to by each way to pay: the one pricing function over what was found."""

from collections.abc import Sequence
from typing import Final

from attrs import define, evolve, frozen

from tillway.core.assets import Asset
from tillway.core.carts import CardBill
from tillway.core.catalog import Coupon, Product, Scope
from tillway.core.coupons import coupon_refusal
from tillway.core.errors import Code, Declined
from tillway.core.ids import CouponCode, coupon_code_fault
from tillway.core.money import Money
from tillway.core.ports.rails import Offers
from tillway.core.pricing import Line, Priced, PricedLine, Sale, price_cart
from tillway.core.services.carts.baskets import Basket, Found, refused_line
from tillway.core.services.paying.quote import Quoting

CARD: Final = "stripe"
UNPRICED: Final = "item {place} has no price for this way to pay"


@frozen(kw_only=True)
class ByCard:
    """What a cart comes to by card, and what one piece of each line does; None: the provider's.

    ``lines`` are those with a price of ours.
    """

    bill: CardBill
    units: tuple[Money | None, ...]
    lines: tuple[PricedLine, ...] = ()


@define(kw_only=True)
class Totals:
    """Price carts. Nothing is written."""

    quoting: Quoting

    async def by_token(self, basket: Basket, found: Sequence[Found]) -> Priced:
        """Price a cart on the first rail that sells all of it.

        Declined: invalid_cart_item for a line that has no price there, or a price in another
        token than the first; the coupon's own code when strict.
        """
        rail, lines = self._offered(found)
        sale = await self.quoting.sale(basket.tenant, rail.method, basket.coupon)
        priced = price_cart(lines, sale)
        if basket.coupon and self.quoting.strict:
            _refuse_typed(basket.coupon, sale.typed, found, sale, priced.total.asset)
        return priced

    async def by_card(self, basket: Basket, found: Sequence[Found]) -> ByCard:
        """Price a cart for cards: by our prices where every line has one.

        Where one has not, the provider's own prices decide what it comes to, and a typed coupon
        of ours cannot be taken off. A code that is none of ours may be a promotion of the
        provider's. Declined as `by_token`, and, for a typed coupon that is one of ours,
        coupon_not_applicable if it is not for every line, coupon_wrong_payment_method if it is
        for tokens only.
        """
        self._refuse_untaken(found)
        sale = await self.quoting.sale(basket.tenant, CARD, basket.coupon)
        named = sale.typed
        typed = None if named is None else _for_all(named, sale, found)
        promotion = _promotion(basket.coupon) if named is None else None
        sale = evolve(sale, typed=typed)
        if basket.coupon and self.quoting.strict and promotion is None:
            _refuse_typed(basket.coupon, typed or named, found, sale, None)
        priced = _ours(found, sale)
        if priced is not None and len(priced.lines) == len(found):
            return _by_our_prices(priced, promotion)
        if typed is not None and self.quoting.strict:
            raise Declined(Code.COUPON_NOT_APPLICABLE, field="couponCode")
        return _by_their_prices(found, priced, promotion)

    def by_card_only(self, found: Sequence[Found]) -> bool:
        """Tell whether no rail offers all of a cart, and a provider's page may be asked for it."""
        rails = self.quoting.rails
        return bool(rails.hosting) and not any(
            all(_offered(rail, each) is not None for each in found) for rail in rails.offering
        )

    async def promised_by_card(self, basket: Basket, found: Sequence[Found]) -> ByCard:
        """Price a cart that only cards can pay, where we know what it comes to.

        Declined as `by_card` is, and invalid_cart_item for a line whose price is the provider's.
        """
        card = await self.by_card(basket, found)
        for place, unit in enumerate(card.units):
            if unit is None:
                text = f"item {place} has a price that only the card provider knows"
                raise refused_line(place, text, resourceId=found[place].name)
        return card

    def _offered(self, found: Sequence[Found]) -> tuple[Offers, Sequence[Line]]:
        products = [each.product for each in found]
        for rail in self.quoting.rails.offering:
            lines = [_offered(rail, each) for each in found]
            sold = [line for line in lines if line is not None]
            if len(sold) == len(products):
                return rail, sold
        place = self._unsold(products)
        text = UNPRICED.format(place=place)
        raise refused_line(place, text, resourceId=found[place].name)

    def _refuse_untaken(self, found: Sequence[Found]) -> None:
        """Refuse a line whose product the first provider cannot charge."""
        for rail in self.quoting.rails.hosting[:1]:
            for place, each in enumerate(found):
                if each.product is not None and not rail.takes(each.product):
                    raise refused_line(place, UNPRICED.format(place=place), resourceId=each.name)

    def _unsold(self, products: Sequence[Product | None]) -> int:
        """Give the first line that some rail does not sell, of the rail that gets farthest."""
        places = [0]
        for rail in self.quoting.rails.offering:
            sold = [each is not None and rail.sells(each) is not None for each in products]
            places.append(sold.index(False))
        return max(places)


def _refuse_typed(
    code: str, typed: Coupon | None, found: Sequence[Found], sale: Sale, asset: Asset | None
) -> None:
    refusal = coupon_refusal(
        code,
        typed,
        now=sale.now,
        used=sale.used.get(CouponCode(code), 0),
        method=sale.method,
        products=[each.product.id for each in found if each.product is not None],
        asset=asset,
        cart=True,
    )
    if refusal is not None:
        raise refusal.declined()


def _offered(rail: Offers, found: Found) -> Line | None:
    destination = None if found.product is None else rail.sells(found.product)
    if destination is None or found.product is None:
        return None
    return Line(product=found.product, quantity=found.quantity, price=destination.price)


def _is_ours(found: Found) -> bool:
    return found.product is not None and found.product.fiat_price is not None


def _ours(found: Sequence[Found], sale: Sale) -> Priced | None:
    """Price the lines that have a price of ours; None if there are none."""
    places = [place for place, each in enumerate(found) if _is_ours(each)]
    lines = [
        Line(product=each.product, quantity=each.quantity)
        for each in found
        if each.product is not None and _is_ours(each)
    ]
    try:
        return price_cart(lines, sale) if lines else None
    except Declined as refusal:
        place = refusal.details.get("item")
        if not isinstance(place, int):
            raise
        raise refused_line(places[place], refusal.message) from refusal


def _for_all(typed: Coupon, sale: Sale, found: Sequence[Found]) -> Coupon | None:
    """Give a typed coupon as one for all that is in the cart; None if it cannot be used now.

    A card buys with it only if it is for every line, and then it is for all of them.
    """
    if typed.state(sale.now, sale.used.get(typed.code, 0)) is not None:
        return None
    for place, each in enumerate(found):
        if each.product is None:
            raise refused_line(
                place,
                "cannot apply coupon: priceId does not map to a known product",
                name="priceId",
                priceId=each.price_id,
                hint="Name the item by its resource, or pay without the coupon.",
            )
        if not typed.covers(each.product.id):
            raise Declined(
                Code.COUPON_NOT_APPLICABLE,
                "coupon does not apply to all items in cart",
                field="couponCode",
                details={
                    "coupon": typed.code,
                    "invalidItem": each.product.id,
                    "couponScope": typed.scope.value,
                },
            )
    if not typed.takes(sale.method):
        text = "coupon not valid for card payments"
        raise Declined(Code.COUPON_WRONG_PAYMENT_METHOD, text, field="couponCode")
    return evolve(typed, scope=Scope.ALL, product_ids=())


def _promotion(code: str | None) -> str | None:
    return code if code and coupon_code_fault(code) is None else None


def _by_our_prices(priced: Priced, promotion: str | None) -> ByCard:
    off = priced.subtotal - priced.total
    bill = CardBill(
        total=priced.total,
        discount=off if off.minor else None,
        coupons=priced.applied,
        limits=priced.limits,
        promotion=promotion,
    )
    units = tuple(line.unit_price for line in priced.lines)
    return ByCard(bill=bill, units=units, lines=priced.lines)


def _by_their_prices(
    found: Sequence[Found], priced: Priced | None, promotion: str | None
) -> ByCard:
    """Charge what the provider's prices say, beside ours after the catalogue's coupons."""
    ours = iter(() if priced is None else priced.lines)
    units = tuple(next(ours).unit_price if _is_ours(each) else None for each in found)
    for place, each in enumerate(found):
        if units[place] is None and not each.price_id:
            raise refused_line(place, UNPRICED.format(place=place), resourceId=each.name)
    catalog = () if priced is None else priced.catalog
    limits = {} if priced is None else {code: priced.limits.get(code) for code in catalog}
    bill = CardBill(
        total=None,
        coupons=catalog,
        limits={code: limit for code, limit in limits.items() if limit is not None},
        promotion=promotion,
    )
    return ByCard(bill=bill, units=units)

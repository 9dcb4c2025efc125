"""The one place that says what something costs, for every rail and every face.

List prices, quotes and charges all come from here, so they cannot differ. The laws are the Cedros
contract's: coupons of the catalog come off first, then those of the checkout; within a phase they
go by code, ascending; no code counts twice; totals in stablecoins are rounded up to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import Attribute, field, frozen

from tillway.core.assets import Asset
from tillway.core.catalog import AppliesAt, Coupon, PriceKind, Product, Scope
from tillway.core.discounts import discounted, has_effect
from tillway.core.errors import Code, Declined
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money, Rounding

_CRYPTO_METHODS: Final = frozenset({"x402"})


def price_kind(method: str) -> PriceKind:
    """Tell which of a product's prices a way to pay goes by, unless its rail names another."""
    return PriceKind.CRYPTO if method in _CRYPTO_METHODS else PriceKind.FIAT


@frozen(kw_only=True)
class Sale:
    """The circumstances of a sale: all that a price depends on, beside what is bought.

    `coupons` are those on offer, of which the automatic ones are considered; `typed` is the one
    that the buyer named. `used` counts redemptions; a code that is absent was never used.
    """

    method: str
    now: datetime
    rounding: Rounding = Rounding.STANDARD
    coupons: Sequence[Coupon] = ()
    typed: Coupon | None = None
    used: Mapping[CouponCode, int] = field(factory=dict)


@frozen(kw_only=True)
class Line:
    """So many of one product. `price` is its rail's own price, None for the product's."""

    product: Product
    quantity: int = field(default=1)
    price: Money | None = None

    @quantity.validator
    def _check_quantity(self, _: Attribute[int], quantity: int) -> None:
        if type(quantity) is not int or quantity < 1:
            raise ValueError("quantity is a whole number of at least 1")


@frozen(kw_only=True)
class PricedLine:
    """What one of a line costs: by the list, and after the coupons of the catalog."""

    product: ProductId
    quantity: int
    list_price: Money
    unit_price: Money
    coupons: tuple[CouponCode, ...]


@frozen(kw_only=True)
class Priced:
    """What it all costs, and why.

    `original` is by the list, `subtotal` after the coupons of the catalog, `total` what is
    charged. `catalog` and `checkout` are the codes that came off, in order, each once. `limits`
    are the usage limits of those that have one: a claim reserves a redemption of each. `typed` is
    the buyer's code, if it was among them.

    `applied` are all codes that came off, in the order of pricing. `bound` are those that a quote
    must hold the buyer to: typed and limited ones, sorted.
    """

    lines: tuple[PricedLine, ...]
    original: Money
    subtotal: Money
    total: Money
    catalog: tuple[CouponCode, ...]
    checkout: tuple[CouponCode, ...]
    limits: Mapping[str, int] = field(hash=False)
    typed: CouponCode | None
    applied: tuple[CouponCode, ...] = field(init=False, repr=False)
    bound: tuple[str, ...] = field(init=False, repr=False)

    @applied.default
    def _applied(self) -> tuple[CouponCode, ...]:
        return (*self.catalog, *self.checkout)

    @bound.default
    def _bound(self) -> tuple[str, ...]:
        typed = () if self.typed is None else (self.typed,)
        return tuple(sorted({*typed, *self.limits}))


def price_item(product: Product, sale: Sale, price: Money | None = None) -> Priced:
    """Price one product on its own.

    A typed coupon of any scope that covers the product joins the catalog's. All coupons of both
    phases are taken off as one list. Declined with `invalid_resource` without a price.
    """
    line = Line(product=product, price=price)
    list_price = _list_price(line, sale)
    if list_price is None:
        details = {"resourceId": product.id}
        raise Declined(Code.INVALID_RESOURCE, field="resource", details=details)
    asset = list_price.asset
    checkout = _automatic(sale, AppliesAt.CHECKOUT, product.id, asset)
    catalog = _automatic(sale, AppliesAt.CATALOG, product.id, asset)
    typed = sale.typed
    if typed is not None and typed.covers(product.id) and _usable(typed, sale, asset):
        catalog = _joined(catalog, typed, besides=checkout)
    total = discounted(list_price, (*catalog, *checkout), sale.rounding)
    priced = [_line(line, list_price, catalog, sale)]
    return _priced(priced, catalog, checkout, _charged(total), sale.typed)


def price_cart(lines: Sequence[Line], sale: Sale) -> Priced:
    """Price several products together, all in one asset.

    Each line's unit price has the catalog's automatic coupons off, unrounded. The checkout's,
    and a typed one for all products, come off the sum once. Declined with `empty_cart`, with
    `invalid_cart_item` for a line without price or in another asset, and with `invalid_amount`
    when a sum leaves 64 bits.
    """
    if not lines:
        raise Declined(Code.EMPTY_CART)
    prices = _one_asset(lines, sale)
    asset = prices[0].asset
    found = [_automatic(sale, AppliesAt.CATALOG, line.product.id, asset) for line in lines]
    priced = [
        _line(line, price, coupons, sale)
        for line, price, coupons in zip(lines, prices, found, strict=True)
    ]
    catalog = _ordered(coupon for coupons in found for coupon in coupons)
    checkout = _cart_checkout(sale, asset, catalog)
    total = discounted(_subtotal(priced), checkout, sale.rounding)
    return _priced(priced, catalog, checkout, _charged(total), sale.typed)


def _cart_checkout(sale: Sale, asset: Asset, catalog: Sequence[Coupon]) -> tuple[Coupon, ...]:
    checkout = _automatic(sale, AppliesAt.CHECKOUT, None, asset)
    typed = sale.typed
    if typed is not None and typed.scope is Scope.ALL and _usable(typed, sale, asset):
        return _joined(checkout, typed, besides=catalog)
    return checkout


def _automatic(
    sale: Sale, phase: AppliesAt, product: ProductId | None, asset: Asset
) -> tuple[Coupon, ...]:
    return _ordered(
        coupon
        for coupon in sale.coupons
        if coupon.auto_apply
        and coupon.applies_at is phase
        and _reaches(coupon, phase, product)
        and _usable(coupon, sale, asset)
    )


def _reaches(coupon: Coupon, phase: AppliesAt, product: ProductId | None) -> bool:
    if phase is AppliesAt.CHECKOUT or product is None:
        return coupon.scope is Scope.ALL
    return coupon.covers(product)


def _usable(coupon: Coupon, sale: Sale, asset: Asset) -> bool:
    used = sale.used.get(coupon.code, 0)
    fits = coupon.takes(sale.method) and has_effect(coupon, asset)
    return fits and coupon.state(sale.now, used) is None


def _joined(
    coupons: Sequence[Coupon], typed: Coupon, besides: Sequence[Coupon]
) -> tuple[Coupon, ...]:
    """Add the typed coupon, unless the other phase takes it off anyway."""
    if any(other.code == typed.code for other in besides):
        return tuple(coupons)
    return _ordered((*coupons, typed))


def _ordered(coupons: Iterable[Coupon]) -> tuple[Coupon, ...]:
    distinct = {coupon.code: coupon for coupon in coupons}
    return tuple(distinct[code] for code in sorted(distinct))


def _list_price(line: Line, sale: Sale) -> Money | None:
    if line.price is not None:
        return line.price
    return line.product.price(price_kind(sale.method))


def _one_asset(lines: Sequence[Line], sale: Sale) -> list[Money]:
    prices: list[Money] = []
    for index, line in enumerate(lines):
        price = _list_price(line, sale)
        if price is None:
            raise _bad_line(index, line, f"item {index} has no price for this way to pay")
        if prices and price.asset != prices[0].asset:
            codes = f"{prices[0].asset.code} and {price.asset.code}"
            raise _bad_line(index, line, f"mixed tokens in cart (got {codes})")
        prices.append(price)
    return prices


def _bad_line(index: int, line: Line, message: str) -> Declined:
    details = {"item": index, "resourceId": line.product.id}
    return Declined(
        Code.INVALID_CART_ITEM, message, field=f"items[{index}].resource", details=details
    )


def _line(line: Line, price: Money, coupons: Sequence[Coupon], sale: Sale) -> PricedLine:
    return PricedLine(
        product=line.product.id,
        quantity=line.quantity,
        list_price=price,
        unit_price=discounted(price, coupons, sale.rounding),
        coupons=tuple(coupon.code for coupon in coupons),
    )


def _subtotal(lines: Sequence[PricedLine]) -> Money:
    zero = Money.zero(lines[0].unit_price.asset)
    return sum((line.unit_price * line.quantity for line in lines), zero)


def _original(lines: Sequence[PricedLine]) -> Money:
    zero = Money.zero(lines[0].list_price.asset)
    return sum((line.list_price * line.quantity for line in lines), zero)


def _charged(total: Money) -> Money:
    return total.round_up_to_cents() if total.asset.stablecoin else total


def _priced(
    lines: Sequence[PricedLine],
    catalog: Sequence[Coupon],
    checkout: Sequence[Coupon],
    total: Money,
    typed: Coupon | None,
) -> Priced:
    applied = {coupon.code: coupon.usage_limit for coupon in (*catalog, *checkout)}
    return Priced(
        lines=tuple(lines),
        original=_original(lines),
        subtotal=_subtotal(lines),
        total=total,
        catalog=tuple(coupon.code for coupon in catalog),
        checkout=tuple(coupon.code for coupon in checkout),
        limits={code: limit for code, limit in applied.items() if limit is not None},
        typed=typed.code if typed is not None and typed.code in applied else None,
    )

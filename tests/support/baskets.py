"""Baskets by chance: things at prices, and coupons that meet in them. A seed gives them again."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Final

from attrs import frozen

from support.plain_prices import NOON
from tillway.core.assets import EUR, SOL, USD, USDC, Asset
from tillway.core.catalog import AppliesAt, Coupon, DiscountType, Product, Scope
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money, Rounding
from tillway.core.pricing import Line, Sale

IDS: Final = ("a", "b", "c")
BY: Final = {"x402": (USDC, USDC, SOL), "stripe": (USD, USD, EUR)}
HOUR: Final = timedelta(hours=1)
_STARTS: Final = (None, None, None, NOON - HOUR, NOON, NOON + HOUR)
_ENDS: Final = (None, None, None, NOON + HOUR, NOON, NOON - HOUR)
_PLACES: Final = (
    (AppliesAt.CATALOG, Scope.SPECIFIC, ("a", "b")),
    (AppliesAt.CATALOG, Scope.SPECIFIC, ("a", "c")),
    (AppliesAt.CHECKOUT, Scope.ALL, ()),
    (AppliesAt.CHECKOUT, Scope.ALL, ("b",)),
    (None, Scope.ALL, ()),
    (None, Scope.SPECIFIC, ("a",)),
    (AppliesAt.CHECKOUT, Scope.SPECIFIC, ("a",)),
)


@frozen(kw_only=True)
class Basket:
    """Things of one asset, so many of each at a price, and what comes off them."""

    asset: Asset
    things: Sequence[tuple[str, int, int]]
    sale: Sale

    @property
    def lines(self) -> Sequence[Line]:
        """The things as the pricing function takes them."""
        return [
            Line(product=Product(id=ProductId(name)), price=Money(minor, self.asset), quantity=many)
            for name, minor, many in self.things
        ]


def basket(chance: Random) -> Basket:
    """Fill a basket."""
    method = chance.choice(("x402", "stripe"))
    return Basket(
        asset=chance.choice(BY[method]),
        things=[
            (chance.choice(IDS), _price(chance), chance.randint(1, 50))
            for _ in range(chance.randint(1, 5))
        ],
        sale=_sale(chance, method),
    )


def _price(chance: Random) -> int:
    return chance.randint(0, 10 ** chance.randint(1, 9))


def _sale(chance: Random, method: str) -> Sale:
    codes = chance.sample("ABCDEFGH", chance.randint(0, 6))
    known = [_coupon(chance, code) for code in codes]
    typed = chance.choice([None, _coupon(chance, "Z"), *known])
    return Sale(
        method=method,
        now=NOON,
        rounding=chance.choice(list(Rounding)),
        coupons=known,
        typed=typed,
        used={CouponCode(code): chance.randint(0, 3) for code in chance.sample("ABCDEFGHZ", 3)},
    )


def _coupon(chance: Random, code: str) -> Coupon:
    applies_at, scope, products = chance.choice(_PLACES)
    kind = chance.choice(list(DiscountType))
    return Coupon(
        code=CouponCode(code),
        discount_type=kind,
        discount_value=_value(chance, kind),
        scope=scope,
        product_ids=tuple(ProductId(each) for each in products),
        payment_method=chance.choice((None, None, None, "x402", "stripe")),
        auto_apply=chance.random() < 0.7,
        applies_at=applies_at,
        usage_limit=chance.choice((None, None, 0, 1, 2, 3)),
        starts_at=chance.choice(_STARTS),
        expires_at=chance.choice(_ENDS),
        active=chance.random() < 0.9,
    )


def _value(chance: Random, kind: DiscountType) -> Decimal:
    if kind is DiscountType.FIXED:
        return Decimal(chance.randint(-1_000_000, 20_000_000)) / 1_000_000
    return chance.choice(
        (Decimal(chance.randint(0, 101_000)) / 1000, Decimal(chance.choice((100, 50, 33))))
    )

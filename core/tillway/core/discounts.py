"""What coupons take off one amount.

The order is the Cedros contract's: each percentage is taken off the running price and rounded to
a minor unit; then the fixed sums are added up and taken off once; nothing falls below zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from tillway.core.assets import Asset
from tillway.core.catalog import FIXED_MOST, Coupon, DiscountType
from tillway.core.money import WHOLE, Money, Rounding, minor_units

_BASIS_POINT: Final = Decimal("0.01")
_EXACT: Final = Context(prec=40)


def basis_points_off(percent: Decimal) -> int:
    """Turn percent into basis points, half even from the decimal: 18.4 is 1840.

    The reference truncates a float here and is one basis point off for some percentages.
    """
    rounded = percent.quantize(_BASIS_POINT, rounding=ROUND_HALF_EVEN, context=_EXACT)
    return int(rounded.scaleb(2, context=_EXACT))


def has_effect(coupon: Coupon, asset: Asset) -> bool:
    """Tell whether a coupon can take anything off prices in an asset.

    Fixed discounts are in dollars and count for what is pegged to the dollar only. A value out of
    range changes no price, whatever source let it in.
    """
    value = coupon.discount_value
    if not value.is_finite():
        return False
    if coupon.discount_type is DiscountType.PERCENTAGE:
        return 0 < value <= 100
    return asset.usd_pegged and 0 <= value <= FIXED_MOST


def discounted(price: Money, coupons: Iterable[Coupon], rounding: Rounding) -> Money:
    """Take coupons off a price, percentages in the order given, never below zero.

    Coupons without effect on the price's asset are passed over.
    """
    off = 0
    for coupon in coupons:
        if not has_effect(coupon, price.asset):
            continue
        if coupon.discount_type is DiscountType.PERCENTAGE:
            price = price.share(WHOLE - basis_points_off(coupon.discount_value), rounding)
        else:
            off += minor_units(coupon.discount_value, price.asset)
    return Money(max(0, price.minor - off), price.asset)

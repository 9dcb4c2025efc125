"""A second implementation of pricing: the contract read line by line, slowly, on fractions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil, floor
from typing import Final

from tillway.core.assets import Asset
from tillway.core.catalog import Coupon
from tillway.core.pricing import Sale

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOLLARS: Final = {"USD", "USDC"}
COINS: Final = {"USDC"}


def plain_valid(coupon: Coupon, sale: Sale, asset: Asset) -> bool:
    """Usable now, by this method, on this asset."""
    value = Fraction(coupon.discount_value)
    in_range = (
        0 < value <= 100
        if coupon.discount_type == "percentage"
        else value >= 0 and asset.code in DOLLARS
    )
    return (
        in_range
        and coupon.active
        and (coupon.starts_at or NOON) <= NOON <= (coupon.expires_at or NOON)
        and (coupon.usage_limit is None or sale.used.get(coupon.code, 0) < coupon.usage_limit)
        and coupon.payment_method in (None, sale.method)
    )


def plain_covers(coupon: Coupon, name: str) -> bool:
    return coupon.scope == "all" or name in coupon.product_ids


def plain_autos(sale: Sale, asset: Asset, phase: str, name: str) -> list[Coupon]:
    return [
        coupon
        for coupon in sorted(sale.coupons, key=lambda one: one.code)
        if coupon.auto_apply
        and coupon.applies_at == phase
        and plain_valid(coupon, sale, asset)
        and (coupon.scope == "all" if phase == "checkout" else plain_covers(coupon, name))
    ]


def plain_stack(price: Fraction, asset: Asset, stack: Sequence[Coupon], mode: str) -> Fraction:
    for coupon in stack:
        if coupon.discount_type == "percentage":
            kept = round((100 - Fraction(coupon.discount_value)) * 100)
            exact = price * kept / 10_000
            price = Fraction(ceil(exact) if mode == "ceiling" else floor(exact + Fraction(1, 2)))
    fixed = [coupon.discount_value for coupon in stack if coupon.discount_type == "fixed"]
    one = Fraction(10) ** asset.decimals
    off = sum(floor(Fraction(value) * one + Fraction(1, 2)) for value in fixed)
    return max(Fraction(0), price - off)


def plain_cents(total: Fraction, asset: Asset) -> int:
    if asset.code not in COINS:
        return int(total)
    cent = int(10 ** (asset.decimals - 2))
    return ceil(total / cent) * cent


def by_code(stack: Sequence[Coupon]) -> list[Coupon]:
    return sorted(stack, key=lambda one: one.code)


def plain_item(asset: Asset, minor: int, sale: Sale, name: str = "a") -> tuple[int, list[str]]:
    catalog = plain_autos(sale, asset, "catalog", name)
    checkout = plain_autos(sale, asset, "checkout", name)
    codes = {coupon.code for coupon in (*catalog, *checkout)}
    typed = sale.typed
    if (
        typed is not None
        and typed.code not in codes
        and plain_valid(typed, sale, asset)
        and plain_covers(typed, name)
    ):
        catalog = by_code([*catalog, typed])
    stack = [*catalog, *checkout]
    total = plain_cents(plain_stack(Fraction(minor), asset, stack, sale.rounding), asset)
    return total, [coupon.code for coupon in stack]


def plain_cart(asset: Asset, lines: Sequence[tuple[str, int, int]], sale: Sale) -> int:
    total, codes = Fraction(0), set[str]()
    for name, minor, quantity in lines:
        catalog = plain_autos(sale, asset, "catalog", name)
        codes |= {coupon.code for coupon in catalog}
        total += plain_stack(Fraction(minor), asset, catalog, sale.rounding) * quantity
    checkout = plain_autos(sale, asset, "checkout", "")
    codes |= {coupon.code for coupon in checkout}
    typed = sale.typed
    if (
        typed is not None
        and typed.code not in codes
        and plain_valid(typed, sale, asset)
        and typed.scope == "all"
    ):
        checkout = by_code([*checkout, typed])
    return plain_cents(plain_stack(total, asset, checkout, sale.rounding), asset)

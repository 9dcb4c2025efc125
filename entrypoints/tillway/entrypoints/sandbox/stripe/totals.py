"""What lines come to: discounts shared out to the last cent, taxes on what is left."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.wire import Json

LEAST: Final = {
    **dict.fromkeys(("usd", "eur", "cad", "aud", "nzd", "chf", "sgd", "brl", "inr"), 50),
    **dict.fromkeys(("aed", "myr", "pln", "ron"), 200),
    **dict.fromkeys(("sek", "nok"), 300),
    **dict.fromkeys(("mxn", "thb"), 1000),
    "jpy": 50,
    "gbp": 30,
    "bgn": 100,
    "dkk": 250,
    "hkd": 400,
    "czk": 1500,
    "huf": 17500,
}
"""The least that Stripe charges, in minor units (docs.stripe.com/currencies)."""


@frozen(kw_only=True)
class Part:
    """One line before discounts and taxes; ``taxes`` are tax rates."""

    amount: int
    product: str = ""
    discountable: bool = True
    taxes: Sequence[Json] = ()


@frozen(kw_only=True)
class Tax:
    """What one rate takes of a line."""

    rate: Json
    amount: int
    taxable: int


@frozen(kw_only=True)
class Sum:
    """What a line comes to."""

    subtotal: int
    discount: int
    taxes: tuple[Tax, ...]

    @property
    def tax(self) -> int:
        """All taxes, also those that the price includes."""
        return sum(each.amount for each in self.taxes)

    @property
    def total(self) -> int:
        """What is paid: taxes that the price includes are in it already."""
        added = sum(each.amount for each in self.taxes if not each.rate["inclusive"])
        return self.subtotal - self.discount + added


def sums(parts: Sequence[Part], coupon: Json | None) -> list[Sum]:
    """Add up each line."""
    off = _shares(parts, coupon) if coupon else [0] * len(parts)
    return [_sum(part, less) for part, less in zip(parts, off, strict=True)]


def _sum(part: Part, discount: int) -> Sum:
    left = part.amount - discount
    taxes = tuple(_tax(rate, left) for rate in part.taxes)
    return Sum(subtotal=part.amount, discount=discount, taxes=taxes)


def _tax(rate: Json, left: int) -> Tax:
    share = Decimal(str(rate["percentage"])) / 100
    if not rate["inclusive"]:
        return Tax(rate=rate, amount=_rounded(left * share), taxable=left)
    amount = left - _rounded(left / (1 + share))
    return Tax(rate=rate, amount=amount, taxable=left - amount)


def _shares(parts: Sequence[Part], coupon: Json) -> list[int]:
    """Share a coupon's discount out over the lines that it is for, in proportion."""
    only = coupon.get("_products")
    bases = [
        part.amount if part.discountable and (not only or part.product in only) else 0
        for part in parts
    ]
    return shared(discounted(sum(bases), coupon), bases)


def discounted(base: int, coupon: Json) -> int:
    """Give what a coupon takes off an amount."""
    if coupon["amount_off"] is not None:
        return min(int(coupon["amount_off"]), base)
    return _rounded(base * Decimal(str(coupon["percent_off"])) / 100)


def shared(whole: int, bases: Sequence[int]) -> list[int]:
    """Share an amount out in proportion; the largest remainders get the last units."""
    total = sum(bases)
    if not total:
        return [0] * len(bases)
    shares = [whole * base // total for base in bases]
    rests = sorted(range(len(bases)), key=lambda at: -(whole * bases[at] % total))
    for at in rests[: whole - sum(shares)]:
        shares[at] += 1
    return shares


def _rounded(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))

"""Amounts of money: whole minor units of one asset, never floats.

A sum, a product or a conversion that leaves 64 bits is refused, since stores, chains and Stripe
count in 64 bits. The laws of conversion and rounding are the Cedros contract's, exact where its
reference truncates.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import Final, Self

from attrs import Attribute, field, frozen

from tillway.core.assets import Asset, Assets
from tillway.core.errors import Code, Declined

MOST: Final = 2**63 - 1
LEAST: Final = -(2**63)
WHOLE: Final = 10_000
"""Basis points in a whole."""

_MAJOR: Final = re.compile(r"-?[0-9]+(\.[0-9]*)?")
_LONGEST_TEXT: Final = 128
_LARGEST_POWER: Final = 18
_EXACT: Final = Context(prec=80)
"""Room for every digit that can matter: 19 before the point and 18 after it, and more."""


class Rounding(StrEnum):
    """How a share of an amount becomes whole minor units: half up, or always up."""

    STANDARD = "standard"
    CEILING = "ceiling"


class MixedAssetsError(TypeError):
    """Two assets met in one sum or comparison: a mistake of ours, never of a buyer."""

    def __init__(self, left: Asset, right: Asset) -> None:
        super().__init__(f"{left.code} and {right.code} do not mix")


@frozen(order=False)
class Money:
    """`minor` whole minor units (cents, millionths of a USDC) of one asset.

    Immutable and hashable. Sums and comparisons take the same asset only (MixedAssetsError), and
    whole numbers only (TypeError). Whatever would leave 64 bits is Declined with
    `invalid_amount`, because quantities and prices come from outside.
    """

    minor: int = field()
    asset: Asset

    @minor.validator
    def _check_minor(self, _: Attribute[int], minor: int) -> None:
        if type(minor) is not int:
            raise TypeError(f"minor units are whole numbers, not {type(minor).__name__}")
        if not LEAST <= minor <= MOST:
            raise Declined(Code.INVALID_AMOUNT, "amount is too large")

    @classmethod
    def zero(cls, asset: Asset) -> Self:
        """Give nothing of an asset."""
        return cls(0, asset)

    @classmethod
    def from_major(cls, amount: Decimal | str, asset: Asset) -> Self:
        """Turn major units (`10.55`) into minor ones, half up over the whole fraction.

        Half up goes by magnitude: -0.005 USD is -1 cent. Text is digits with an optional minus
        and fraction (`1.` is 1); no blanks, exponents or bare `.5`. Declined with
        `invalid_amount` otherwise.
        """
        value = _decimal(amount)
        if not value.is_finite() or value.adjusted() > _LARGEST_POWER:
            raise Declined(Code.INVALID_AMOUNT, "amount is too large")
        return cls(minor_units(value, asset), asset)

    @classmethod
    def from_wire(cls, wire: object, assets: Assets) -> Self:
        """Read `{"asset": code, "atomic": "123"}`; Declined when it is anything else."""
        if not isinstance(wire, dict) or wire.keys() != {"asset", "atomic"}:
            raise Declined(Code.INVALID_AMOUNT, "money is an object of asset and atomic")
        return cls(parse_atomic(wire["atomic"]), assets.by_code(str(wire["asset"])))

    def to_wire(self) -> dict[str, str]:
        """Give the JSON form: the asset's code, and the minor units as text."""
        return {"asset": self.asset.code, "atomic": str(self.minor)}

    def to_major(self) -> str:
        """Give major units with all of the asset's decimals, sign first: `-0.25`."""
        places = self.asset.decimals
        digits = str(abs(self.minor)).rjust(places + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits

    def __str__(self) -> str:
        """Give what a person reads: `10.50 USD`."""
        return f"{self.to_major()} {self.asset.code}"

    def __add__(self, other: Money) -> Self:
        """Add the same asset."""
        return type(self)(self.minor + self._same(other), self.asset)

    def __sub__(self, other: Money) -> Self:
        """Take off the same asset; less than nothing is possible."""
        return type(self)(self.minor - self._same(other), self.asset)

    def __mul__(self, count: int) -> Self:
        """Take this amount a whole number of times."""
        if type(count) is not int:
            raise TypeError(f"money is multiplied by int, not {type(count).__name__}")
        return type(self)(self.minor * count, self.asset)

    def __neg__(self) -> Self:
        """Turn what is owed into what is owned."""
        return type(self)(-self.minor, self.asset)

    def __lt__(self, other: Money) -> bool:
        """Compare the same asset."""
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        """Compare the same asset."""
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        """Compare the same asset."""
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        """Compare the same asset."""
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        """Refuse a truth value: one reader means "is there a price", another "is it zero"."""
        raise TypeError("money has no truth value: compare .minor with 0, or test for None")

    def share(self, basis_points: int, rounding: Rounding = Rounding.STANDARD) -> Self:
        """Take so many ten-thousandths of this amount, in whole minor units."""
        if type(basis_points) is not int:
            raise TypeError(f"basis points are int, not {type(basis_points).__name__}")
        extra = WHOLE - 1 if rounding is Rounding.CEILING else WHOLE // 2
        return type(self)((self.minor * basis_points + extra) // WHOLE, self.asset)

    def round_up_to_cents(self) -> Self:
        """Round up to whole hundredths of the major unit.

        A negative amount goes toward zero. An asset of at most two decimals stays as it is.
        """
        if self.asset.decimals <= 2:
            return self
        cent = 10 ** (self.asset.decimals - 2)
        return type(self)(-(-self.minor // cent) * cent, self.asset)

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"money meets money only, not {type(other).__name__}")
        if other.asset is not self.asset and other.asset != self.asset:
            raise MixedAssetsError(self.asset, other.asset)
        return other.minor


def minor_units(amount: Decimal, asset: Asset) -> int:
    """Count the minor units in major ones, half up by magnitude, without the limit of 64 bits.

    For amounts that are only compared or taken off; below 10^60 major units.
    """
    step = Decimal(1).scaleb(-asset.decimals)
    rounded = amount.quantize(step, rounding=ROUND_HALF_UP, context=_EXACT)
    return int(rounded.scaleb(asset.decimals, context=_EXACT))


def parse_atomic(text: object) -> int:
    """Read minor units as the wire writes them: an integer in base 10, as text.

    Declined with `invalid_amount` for numbers, blanks, signs other than minus, leading zeros and
    what does not fit in 64 bits.
    """
    if not isinstance(text, str) or not re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text):
        raise Declined(Code.INVALID_AMOUNT, "atomic amount must be an integer in a string")
    amount = int(text)
    if not LEAST <= amount <= MOST:
        raise Declined(Code.INVALID_AMOUNT, "amount is too large")
    return amount


def _decimal(amount: Decimal | str) -> Decimal:
    if isinstance(amount, Decimal):
        return amount
    if not isinstance(amount, str):
        raise TypeError(f"major units are Decimal or str, not {type(amount).__name__}")
    if len(amount) > _LONGEST_TEXT or not _MAJOR.fullmatch(amount):
        raise Declined(Code.INVALID_AMOUNT, "amount must be digits with an optional fraction")
    return Decimal(amount)

"""Amounts: conversion, arithmetic, rounding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from operator import add, ge, gt, le, lt, sub

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.core.assets import BUILT_IN, EUR, SOL, USD, USDC, Asset
from tillway.core.errors import Code, Declined
from tillway.core.money import LEAST, MOST, MixedAssetsError, Money, Rounding, parse_atomic

AMOUNTS = st.integers(min_value=-(10**15), max_value=10**15)
ASSETS = st.sampled_from(tuple(BUILT_IN))


class TestFromMajor:
    @pytest.mark.parametrize(
        ("asset", "text", "minor"),
        [
            (USD, "10.555", 1056),
            (USD, "10.554", 1055),
            (USD, "10.5549", 1055),
            (USD, "10.999", 1100),
            (USDC, "1.5000005", 1500001),
            (USD, "1.", 100),
            (USD, "0", 0),
            (USD, "-0", 0),
            (USD, "007", 700),
            (SOL, "9223372036.854775807", MOST),
        ],
    )
    def test_vectors(self, asset: Asset, text: str, minor: int) -> None:
        """Extra digits round half up over the whole fraction."""
        assert Money.from_major(text, asset) == Money(minor, asset)

    @pytest.mark.parametrize(("text", "minor"), [("-0.50", -50), ("-0.005", -1), ("-0.004", 0)])
    def test_a_minus_counts_below_one(self, text: str, minor: int) -> None:
        """The reference takes the sign from the whole part only; here -0.50 is negative."""
        assert Money.from_major(text, USD).minor == minor

    @pytest.mark.parametrize(
        "text",
        ["", ".5", "-.5", "-", "5.x", "5.-1", " 1", "1 ", "1\n", "1e3", "+1", "1,5", "1.2.3", "NaN",
         "inf", "0x1", "١", "1" * 129],
    )  # fmt: skip
    def test_anything_else_is_no_amount(self, text: str) -> None:
        """Blanks, exponents, bare fractions and bad digits are refused, never guessed."""
        with pytest.raises(Declined) as caught:
            Money.from_major(text, USD)
        assert caught.value.code is Code.INVALID_AMOUNT

    @pytest.mark.parametrize(
        ("asset", "amount"),
        [
            (SOL, "9223372036.9"),
            (USD, "92233720368547758.08"),
            (USD, Decimal("1e1000000")),
            (USD, Decimal("NaN")),
            (USD, Decimal("-Infinity")),
            (USD, "9" * 128),
        ],
    )
    def test_what_leaves_64_bits_is_refused(self, asset: Asset, amount: Decimal | str) -> None:
        """The reference wraps around; here the amount is refused."""
        with pytest.raises(Declined, match="too large"):
            Money.from_major(amount, asset)

    def test_a_decimal_is_taken_exactly(self) -> None:
        """Decimals need no text, whatever their exponent."""
        assert Money.from_major(Decimal("1E+2"), USD).minor == 10_000
        assert Money.from_major(Decimal("1E-1000"), USD).minor == 0

    @pytest.mark.parametrize("amount", [1, 1.5, True, None])
    def test_numbers_that_are_not_decimal_are_a_mistake(self, amount: object) -> None:
        """A float has already lost what was meant."""
        with pytest.raises(TypeError):
            Money.from_major(amount, USD)  # type: ignore[arg-type]  # the mistake under test

    @settings(deadline=None)
    @given(
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**8), max_value=10**8),
        ASSETS,
    )
    def test_it_is_the_nearest_amount(self, amount: Decimal, asset: Asset) -> None:
        """No other amount lies nearer, and a tie goes away from zero."""
        exact = Fraction(amount) * 10**asset.decimals
        nearest = int(abs(exact) + Fraction(1, 2))
        assert Money.from_major(amount, asset).minor == (nearest if exact >= 0 else -nearest)


class TestToMajor:
    @pytest.mark.parametrize(
        ("asset", "minor", "text"),
        [
            (USD, 1050, "10.50"),
            (USDC, 1500000, "1.500000"),
            (USD, -25, "-0.25"),
            (USD, 5, "0.05"),
            (USD, 0, "0.00"),
            (USD, -100, "-1.00"),
            (SOL, LEAST, "-9223372036.854775808"),
        ],
    )
    def test_vectors(self, asset: Asset, minor: int, text: str) -> None:
        """All decimals are printed, and the sign is kept below one."""
        assert Money(minor, asset).to_major() == text
        assert str(Money(minor, asset)) == f"{text} {asset.code}"

    def test_an_asset_without_decimals_has_no_point(self) -> None:
        """A count prints as a count."""
        points = Asset(code="POINTS", decimals=0, kind=USD.kind)
        assert Money(-7, points).to_major() == "-7"
        assert Money.from_major("6.5", points).minor == 7

    @settings(deadline=None)
    @given(AMOUNTS, ASSETS)
    def test_it_reads_back(self, minor: int, asset: Asset) -> None:
        """Major text names exactly the amount that it was made of."""
        money = Money(minor, asset)
        assert Money.from_major(money.to_major(), asset) == money


class TestWire:
    @settings(deadline=None)
    @given(AMOUNTS, ASSETS)
    def test_it_reads_back(self, minor: int, asset: Asset) -> None:
        """The JSON form names exactly the amount that it was made of."""
        money = Money(minor, asset)
        assert Money.from_wire(money.to_wire(), BUILT_IN) == money

    def test_its_form(self) -> None:
        """The asset's code, and the amount as text."""
        assert Money(-5, USDC).to_wire() == {"asset": "USDC", "atomic": "-5"}

    @pytest.mark.parametrize(
        "wire",
        [
            None,
            {},
            {"asset": "USD"},
            {"asset": "USD", "atomic": 5},
            {"asset": "USD", "atomic": "5", "x": 1},
            {"asset": "XXX", "atomic": "5"},
            {"asset": 5, "atomic": "5"},
        ],
    )
    def test_anything_else_is_refused(self, wire: object) -> None:
        """Numbers for text, unknown assets and extra keys are not money."""
        with pytest.raises(Declined):
            Money.from_wire(wire, BUILT_IN)

    @pytest.mark.parametrize(
        "text", ["", "-", "-0", "01", "1.0", " 1", "+1", "1_000", "٣", str(MOST + 1), "9" * 30, 7]
    )
    def test_atomic_text_is_an_integer(self, text: object) -> None:
        """One amount has one spelling."""
        with pytest.raises(Declined):
            parse_atomic(text)

    @pytest.mark.parametrize("amount", [0, 1, -1, MOST, LEAST])
    def test_all_64_bits_are_read(self, amount: int) -> None:
        """The edges belong to it."""
        assert parse_atomic(str(amount)) == amount


class TestArithmetic:
    def test_sums_and_products(self) -> None:
        """Amounts of one asset add, subtract, multiply and negate."""
        five, two = Money(5, USD), Money(2, USD)
        assert five + two == Money(7, USD)
        assert two - five == Money(-3, USD)
        assert five * 3 == Money(15, USD)
        assert -five == Money(-5, USD)
        assert Money.zero(USD) == five - five

    def test_comparison(self) -> None:
        """Amounts of one asset are ordered by what they are worth."""
        five, two = Money(5, USD), Money(2, USD)
        assert two < five
        assert two <= five
        assert five > two
        assert five >= two
        assert not five < five
        assert five <= five
        assert max(two, five) is five

    def test_assets_do_not_mix(self) -> None:
        """A cent of one currency says nothing about a cent of another."""
        usd, eur = Money(5, USD), Money(5, EUR)
        assert usd != eur
        mixes: list[Callable[[Money, Money], object]] = [add, sub, lt, le, gt, ge]
        for mix in mixes:
            with pytest.raises(MixedAssetsError, match="USD and EUR"):
                mix(usd, eur)

    @pytest.mark.parametrize("count", [1.0, True, Decimal(1), "2", None])
    def test_only_whole_numbers_multiply(self, count: object) -> None:
        """A factor that is no int is a mistake, and so is an amount."""
        with pytest.raises(TypeError):
            Money(5, USD) * count  # type: ignore[operator]  # the mistake under test
        with pytest.raises(TypeError):
            Money(count, USD)  # type: ignore[arg-type]  # the mistake under test
        with pytest.raises(TypeError):
            Money(5, USD).share(count)  # type: ignore[arg-type]  # the mistake under test

    def test_money_meets_money_only(self) -> None:
        """A bare number has no asset."""
        with pytest.raises(TypeError, match="money meets money"):
            Money(5, USD) + 5  # type: ignore[operator]  # the mistake under test

    def test_money_is_neither_true_nor_false(self) -> None:
        """Zero is an amount: whoever means nothing, or no price, has to say so."""
        with pytest.raises(TypeError, match="no truth value"):
            bool(Money(0, USD))

    def test_64_bits_hold(self) -> None:
        """Whatever would leave them is refused with the contract's code."""
        most, least = Money(MOST, USD), Money(LEAST, USD)
        leaves: list[Callable[[], Money]] = [
            lambda: most + Money(1, USD),
            lambda: least - Money(1, USD),
            lambda: most * 2,
            lambda: -least,
            Money(MOST, USDC).round_up_to_cents,
        ]
        for leave in leaves:
            with pytest.raises(Declined) as caught:
                leave()
            assert caught.value.code is Code.INVALID_AMOUNT

    def test_amounts_are_keys(self) -> None:
        """Equal amounts hash alike, and the asset is part of them."""
        assert len({Money(5, USD), Money(5, USD), Money(5, EUR)}) == 2


class TestRounding:
    @pytest.mark.parametrize(
        ("minor", "rounded"),
        [
            (184001, 190000),
            (184000, 190000),
            (10001, 20000),
            (10000, 10000),
            (1, 10000),
            (0, 0),
            (-184000, -180000),
            (-1, 0),
        ],
    )
    def test_cents_of_a_token(self, minor: int, rounded: int) -> None:
        """Up to whole cents, and toward zero below it."""
        assert Money(minor, USDC).round_up_to_cents().minor == rounded

    def test_two_decimals_stay(self) -> None:
        """What is counted in cents is whole already."""
        assert Money(7, USD).round_up_to_cents() == Money(7, USD)

    @pytest.mark.parametrize(
        ("asset", "minor", "kept", "standard", "ceiling"),
        [
            (USD, 999, 8000, 799, 800),
            (USDC, 999999, 8000, 799999, 800000),
            (USDC, 1000000, 8160, 816000, 816000),
            (USD, 1, 5000, 1, 1),
            (USD, 1, 4999, 0, 1),
            (USD, 5, 0, 0, 0),
            (USD, 5, 10000, 5, 5),
        ],
    )
    def test_shares(self, asset: Asset, minor: int, kept: int, standard: int, ceiling: int) -> None:
        """A share is rounded half up, or always up."""
        assert Money(minor, asset).share(kept).minor == standard
        assert Money(minor, asset).share(kept, Rounding.CEILING).minor == ceiling

    @settings(deadline=None)
    @given(AMOUNTS, st.integers(min_value=0, max_value=20_000))
    def test_a_share_is_near_the_exact_one(self, minor: int, basis_points: int) -> None:
        """Standard rounding is off by at most a half, ceiling by less than one and never low."""
        exact = Fraction(minor * basis_points, 10_000)
        money = Money(minor, USD)
        assert abs(money.share(basis_points).minor - exact) <= Fraction(1, 2)
        assert 0 <= money.share(basis_points, Rounding.CEILING).minor - exact < 1

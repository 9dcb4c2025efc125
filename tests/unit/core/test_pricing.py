"""What things cost: the contract's vectors, and which coupons count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from tillway.core.assets import EUR, SOL, USD, USDC, Asset
from tillway.core.catalog import AppliesAt, Coupon, DiscountType, PriceKind, Product, Scope
from tillway.core.discounts import basis_points_off, discounted
from tillway.core.errors import Code, Declined
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import MOST, Money, Rounding
from tillway.core.pricing import Line, Priced, Sale, price_cart, price_item, price_kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SALE = Sale(method="x402", now=NOON)
STANDARD, CEILING = Rounding.STANDARD, Rounding.CEILING


def percent(code: str, value: str | int, **changes: Any) -> Coupon:
    return Coupon(
        code=CouponCode(code),
        discount_type=DiscountType.PERCENTAGE,
        discount_value=Decimal(value),
        **changes,
    )


def fixed(code: str, value: str | int, **changes: Any) -> Coupon:
    return evolve(percent(code, value, **changes), discount_type=DiscountType.FIXED)


def at_checkout(coupon: Coupon) -> Coupon:
    return evolve(coupon, auto_apply=True, applies_at=AppliesAt.CHECKOUT)


def in_catalog(coupon: Coupon, *products: str) -> Coupon:
    return evolve(
        coupon,
        auto_apply=True,
        applies_at=AppliesAt.CATALOG,
        scope=Scope.SPECIFIC,
        product_ids=[ProductId(product) for product in products],
    )


def product(minor: int, asset: Asset = USDC, id: str = "a") -> Product:  # noqa: A002 - as the field
    price = Money(minor, asset)
    if asset in (USD, EUR):
        return Product(id=ProductId(id), fiat_price=price)
    return Product(id=ProductId(id), crypto_price=price)


def item(minor: int, *coupons: Coupon, typed: Coupon | None = None, **changes: Any) -> Priced:
    sale = evolve(SALE, coupons=coupons, typed=typed, **changes)
    return price_item(product(minor), sale)


def stack(
    asset: Asset, start: int, percents: Sequence[str], fixeds: Sequence[str], rounding: Rounding
) -> int:
    coupons = [percent(f"P{index}", value) for index, value in enumerate(percents)]
    coupons += [fixed(f"F{index}", value) for index, value in enumerate(fixeds)]
    return discounted(Money(start, asset), coupons, rounding).minor


class TestArithmeticVectors:
    @pytest.mark.parametrize(
        ("asset", "start", "off", "standard"),
        [
            (USD, 999, "20", 799),
            (USDC, 999_999, "20", 799_999),
            (USDC, 1_000_000, "18.4", 816_000),
            (USDC, 1_000_000, "33.33", 666_700),
            (USDC, 1_000_000, "99.995", 0),
            (USDC, 1_000_000, "100", 0),
            (USD, 110, "10", 99),
        ],
    )
    def test_one_percentage(self, asset: Asset, start: int, off: str, standard: int) -> None:
        """The decimal counts, not its float: 18.4 % off a million is 816,000."""
        assert stack(asset, start, [off], [], STANDARD) == standard

    @pytest.mark.parametrize(
        ("asset", "start", "ceiling"), [(USD, 999, 800), (USDC, 999_999, 800_000)]
    )
    def test_one_percentage_ceiling(self, asset: Asset, start: int, ceiling: int) -> None:
        """A gateway may always round in the seller's favour."""
        assert stack(asset, start, ["20"], [], CEILING) == ceiling

    @pytest.mark.parametrize(
        ("asset", "start", "percents", "fixeds", "out", "cents"),
        [
            (USD, 1000, ["10", "20"], ["1", "0.5"], 570, 570),
            (USD, 1000, ["20", "10"], ["0.5", "1"], 570, 570),
            (USDC, 1_000_000, ["20", "10", "5"], ["0.5"], 184_000, 190_000),
            (USDC, 3_820_000, ["10", "5"], ["0.5"], 2_766_100, 2_770_000),
            (USDC, 2_220_000, ["33.33", "15"], [], 1_258_063, 1_260_000),
            (USD, 999, ["10", "10", "10"], [], 728, 728),
            (USDC, 1_000_000, [], ["5"], 0, 0),
            (EUR, 1000, [], ["1"], 1000, 1000),
        ],
    )
    def test_stacks(
        self,
        asset: Asset,
        start: int,
        percents: list[str],
        fixeds: list[str],
        out: int,
        cents: int,
    ) -> None:
        """Percentages multiply, fixed sums come off once, nothing falls below zero."""
        got = stack(asset, start, percents, fixeds, STANDARD)
        assert got == out
        assert Money(got, asset).round_up_to_cents().minor == cents

    def test_three_tens_in_ceiling(self) -> None:
        """Each step is rounded, so three steps can be a cent apart."""
        assert stack(USD, 999, ["10", "10", "10"], [], CEILING) == 729

    def test_fixed_comes_last_wherever_it_stands(self) -> None:
        """A dollar off is a dollar off, not a dollar less ten percent."""
        coupons = [fixed("A", 1), percent("B", 10)]
        assert discounted(Money(1000, USD), coupons, STANDARD).minor == 800

    @pytest.mark.parametrize("value", ["-1", "0", "100.01", "1000", "NaN", "Infinity", "1E+30"])
    def test_a_percentage_out_of_range_changes_nothing(self, value: str) -> None:
        """Whatever let it in, it neither raises nor inverts a price."""
        assert stack(USDC, 1000, [value], [], STANDARD) == 1000

    @pytest.mark.parametrize("value", ["-1", "-0.01", "NaN", "-Infinity", "1E+30"])
    def test_a_fixed_value_out_of_range_changes_nothing(self, value: str) -> None:
        """The reference raises the price for a negative one."""
        assert stack(USDC, 1000, [], [value], STANDARD) == 1000

    @pytest.mark.parametrize(
        ("value", "points"),
        [
            ("0.005", 0),
            ("0.015", 2),
            ("0.025", 2),
            ("18.4", 1840),
            ("33.333", 3333),
            ("100", 10000),
        ],
    )
    def test_basis_points_are_half_even(self, value: str, points: int) -> None:
        """Ties go to the even basis point, as the contract recommends."""
        assert basis_points_off(Decimal(value)) == points


class TestOneItem:
    def test_without_coupons_the_list_price_is_charged(self) -> None:
        """A price in whole cents is its own total."""
        priced = item(1_230_000)
        assert (priced.original, priced.subtotal, priced.total) == (Money(1_230_000, USDC),) * 3
        assert (priced.applied, priced.limits, priced.typed) == ((), {}, None)

    def test_a_stablecoin_total_is_in_whole_cents(self) -> None:
        """Part of a cent is charged as a cent; the unit price still shows it."""
        priced = item(1_230_001)
        assert priced.total == Money(1_240_000, USDC)
        assert priced.lines[0].unit_price == Money(1_230_001, USDC)

    def test_only_stablecoins_have_cents(self) -> None:
        """A hundredth of a SOL is no cent."""
        assert price_item(product(123_456_789, SOL), SALE).total == Money(123_456_789, SOL)

    def test_both_phases_are_one_stack(self) -> None:
        """Fixed sums of the catalog come off after percentages of the checkout."""
        priced = item(1_000_000, in_catalog(fixed("A", "0.5"), "a"), at_checkout(percent("B", 10)))
        assert priced.total == Money(400_000, USDC)
        assert priced.subtotal == Money(500_000, USDC)
        assert (priced.catalog, priced.checkout) == (("A",), ("B",))

    def test_codes_go_in_order(self) -> None:
        """Within a phase coupons go by code, however the store gave them."""
        coupons = [in_catalog(percent(code, 10), "a") for code in "CAB"]
        assert item(999, *coupons).catalog == ("A", "B", "C")
        forth, back = item(999, *coupons), item(999, *reversed(coupons))
        assert forth == back

    def test_a_typed_coupon_joins_the_catalog(self) -> None:
        """Any scope that covers the product will do."""
        narrow = percent("T", 10, scope=Scope.SPECIFIC, product_ids=[ProductId("a")])
        for typed in (percent("T", 10), narrow):
            priced = item(1_000_000, typed=typed)
            assert (priced.total.minor, priced.catalog, priced.typed) == (900_000, ("T",), "T")

    def test_a_typed_coupon_counts_once(self) -> None:
        """Naming a coupon that applies by itself takes it off once, in its own phase."""
        for auto in (at_checkout(percent("T", 10)), in_catalog(percent("T", 10), "a")):
            priced = item(1_000_000, auto, typed=auto)
            assert priced.total.minor == 900_000
            assert priced.applied == ("T",)
            assert priced.typed == "T"

    @pytest.mark.parametrize(
        "changes",
        [
            {"active": False},
            {"starts_at": NOON + timedelta(seconds=1)},
            {"expires_at": NOON - timedelta(seconds=1)},
            {"usage_limit": 3},
            {"payment_method": "stripe"},
            {"scope": Scope.SPECIFIC, "product_ids": [ProductId("b")]},
        ],
    )
    def test_what_is_not_valid_is_ignored(self, changes: dict[str, Any]) -> None:
        """As Cedros does, silently, whether it was typed or applies by itself."""
        used = {CouponCode("T"): 3}
        typed = percent("T", 10, **changes)
        assert item(1_000_000, typed=typed, used=used).total.minor == 1_000_000
        auto = evolve(in_catalog(percent("T", 10), "a"), **changes)
        assert item(1_000_000, auto, used=used).total.minor == 1_000_000

    def test_only_automatic_ones_apply_by_themselves(self) -> None:
        """A coupon on offer that is not automatic must be typed, and one without phase too."""
        plain = evolve(in_catalog(percent("A", 10), "a"), auto_apply=False)
        aimless = evolve(percent("B", 10), auto_apply=True)
        assert item(1_000_000, plain, aimless).applied == ()

    def test_a_checkout_coupon_for_some_products_is_none(self) -> None:
        """The checkout knows coupons for everything only."""
        narrow = evolve(in_catalog(percent("A", 10), "a"), applies_at=AppliesAt.CHECKOUT)
        assert item(1_000_000, narrow).applied == ()

    def test_dollars_come_off_dollars_only(self) -> None:
        """A fixed coupon on euros neither counts nor is used up."""
        sale = evolve(SALE, method="stripe", typed=fixed("T", 1, usage_limit=5))
        priced = price_item(product(1000, EUR), sale)
        assert (priced.total, priced.limits, priced.typed) == (Money(1000, EUR), {}, None)

    def test_nothing_left_is_nothing(self) -> None:
        """A total of zero stays zero: it is granted free."""
        assert item(1_000_000, typed=fixed("T", 5)).total == Money(0, USDC)

    def test_limited_coupons_are_named_for_the_claim(self) -> None:
        """The claim reserves one redemption each; the quote is bound by them and the typed one."""
        priced = item(
            1_000_000,
            in_catalog(percent("Z", 10, usage_limit=7), "a"),
            in_catalog(percent("B", 10), "a"),
            typed=percent("T", 10),
        )
        assert priced.limits == {"Z": 7}
        assert priced.applied == ("B", "T", "Z")
        assert priced.bound == ("T", "Z")

    def test_the_method_chooses_the_price(self) -> None:
        """The card pays dollars and the wallet tokens, from one product."""
        both = evolve(product(1_000_000), fiat_price=Money(150, USD))
        assert price_item(both, SALE).total == Money(1_000_000, USDC)
        assert price_item(both, evolve(SALE, method="stripe")).total == Money(150, USD)
        assert price_kind("credits") is PriceKind.FIAT

    def test_a_rail_may_name_its_own_price(self) -> None:
        """What a rail takes is its business: its price goes before the product's."""
        assert price_item(product(5), SALE, Money(70, USD)).total == Money(70, USD)

    def test_what_has_no_price_is_not_sold(self) -> None:
        """A card-only product is no `x402` resource."""
        with pytest.raises(Declined) as caught:
            price_item(product(100, USD), SALE)
        assert caught.value.code is Code.INVALID_RESOURCE
        assert caught.value.details == {"resourceId": "a"}

    def test_rounding_is_the_gateways_choice(self) -> None:
        """The setting reaches every step."""
        sale = Sale(method="stripe", now=NOON, typed=percent("T", 20), rounding=CEILING)
        assert price_item(product(999, USD), sale).total == Money(800, USD)


class TestCart:
    def test_lines_take_the_catalog_and_the_sum_the_checkout(self) -> None:
        """Unit prices are not rounded to cents; the total is, once."""
        sale = evolve(
            SALE,
            coupons=(
                in_catalog(percent("CAT", 10), "a"),
                at_checkout(percent("OUT", 50)),
                at_checkout(fixed("SUM", "0.1")),
            ),
        )
        lines = [
            Line(product=product(1_111_111), quantity=3),
            Line(product=product(500_000, id="b")),
        ]
        priced = price_cart(lines, sale)
        assert [line.unit_price.minor for line in priced.lines] == [1_000_000, 500_000]
        assert [line.coupons for line in priced.lines] == [("CAT",), ()]
        assert priced.original.minor == 3_833_333
        assert priced.subtotal.minor == 3_500_000
        assert priced.total.minor == 1_650_000
        assert (priced.catalog, priced.checkout) == (("CAT",), ("OUT", "SUM"))

    def test_a_typed_coupon_is_for_all_products(self) -> None:
        """One for some products does not count in a cart, even if the cart has only those."""
        narrow = percent("T", 10, scope=Scope.SPECIFIC, product_ids=[ProductId("a")])
        lines = [Line(product=product(1_000_000))]
        assert price_cart(lines, evolve(SALE, typed=narrow)).total.minor == 1_000_000
        wide = price_cart(lines, evolve(SALE, typed=percent("T", 10)))
        assert (wide.total.minor, wide.checkout, wide.typed) == (900_000, ("T",), "T")

    def test_a_typed_coupon_counts_once(self) -> None:
        """Naming the checkout's automatic coupon changes nothing."""
        auto = at_checkout(percent("T", 10))
        lines = [Line(product=product(1_000_000))]
        sale = evolve(SALE, coupons=(auto,))
        assert price_cart(lines, sale).total == price_cart(lines, evolve(sale, typed=auto)).total

    def test_a_coupon_on_two_lines_is_redeemed_once(self) -> None:
        """A code is named once, however many lines it made cheaper."""
        sale = evolve(SALE, coupons=(in_catalog(percent("C", 10, usage_limit=1), "a", "b"),))
        lines = [Line(product=product(100)), Line(product=product(100, id="b"))]
        priced = price_cart(lines, sale)
        assert (priced.catalog, priced.limits) == (("C",), {"C": 1})

    def test_an_empty_cart_is_refused(self) -> None:
        """Nothing costs nothing, but nobody sells it."""
        with pytest.raises(Declined) as caught:
            price_cart([], SALE)
        assert caught.value.code is Code.EMPTY_CART

    def test_tokens_do_not_mix(self) -> None:
        """A cart is paid in one asset; the line at fault is named."""
        lines = [Line(product=product(100)), Line(product=product(100, SOL, "b"))]
        with pytest.raises(Declined, match="got USDC and SOL") as caught:
            price_cart(lines, SALE)
        assert caught.value.code is Code.INVALID_CART_ITEM
        assert caught.value.field == "items[1].resource"
        assert caught.value.details == {"item": 1, "resourceId": "b"}

    def test_an_unpriced_line_is_refused(self) -> None:
        """A card-only product cannot ride along in a wallet's cart."""
        with pytest.raises(Declined, match="no price") as caught:
            price_cart([Line(product=product(100, USD))], SALE)
        assert caught.value.code is Code.INVALID_CART_ITEM

    def test_a_sum_that_leaves_64_bits_is_refused(self) -> None:
        """Quantities come from outside."""
        lines = [Line(product=product(2), quantity=MOST)]
        with pytest.raises(Declined) as caught:
            price_cart(lines, SALE)
        assert caught.value.code is Code.INVALID_AMOUNT

    @pytest.mark.parametrize("quantity", [0, -1, True, 1.0])
    def test_a_quantity_is_a_count(self, quantity: Any) -> None:
        """Faces turn what the contract lets pass into one; here it is a mistake."""
        with pytest.raises(ValueError, match="at least 1"):
            Line(product=product(1), quantity=quantity)

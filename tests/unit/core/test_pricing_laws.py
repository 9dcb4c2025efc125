"""Pricing against a second, plain implementation on exact fractions, and laws of its own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from support.plain_prices import NOON, plain_cart, plain_item
from tillway.core.assets import EUR, SOL, USD, USDC, Asset
from tillway.core.catalog import AppliesAt, Coupon, DiscountType, Product, Scope
from tillway.core.contracts.counts import count
from tillway.core.coupons import coupon_refusal
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money, Rounding
from tillway.core.pricing import Line, Sale, price_cart, price_item

COUNT = count(200, 2_000)
IDS = ("a", "b", "c")

percents = st.decimals(min_value=0, max_value=101, places=3)
dollars = st.decimals(min_value=-1, max_value=20, places=7) | st.decimals("0", "0.5", places=7)
HOUR = timedelta(hours=1)
starts = st.sampled_from([None, None, None, NOON - HOUR, NOON, NOON + HOUR])
ends = st.sampled_from([None, None, None, NOON + HOUR, NOON, NOON - HOUR])
fitting = [
    (AppliesAt.CATALOG, Scope.SPECIFIC, ["a", "b"]),
    (AppliesAt.CATALOG, Scope.SPECIFIC, ["a", "c"]),
    (AppliesAt.CHECKOUT, Scope.ALL, []),
    (AppliesAt.CHECKOUT, Scope.ALL, ["b"]),
]
unfitting = st.tuples(
    st.sampled_from([None, *AppliesAt]),
    st.sampled_from(Scope),
    st.lists(st.sampled_from(IDS), max_size=2),
)


@st.composite
def coupons(draw: st.DrawFn) -> Coupon:
    """Draw coupons of which most would count, so that they meet in one price."""
    kind = draw(st.sampled_from(DiscountType))
    applies_at, scope, products = draw(st.sampled_from(fitting) | unfitting)
    return Coupon(
        code=CouponCode(draw(st.sampled_from("ABCDEF"))),
        discount_type=kind,
        discount_value=draw(percents if kind is DiscountType.PERCENTAGE else dollars),
        scope=scope,
        product_ids=[ProductId(name) for name in products],
        payment_method=draw(st.sampled_from([None, None, None, "x402", "stripe"])),
        auto_apply=draw(st.sampled_from([True, True, False])),
        applies_at=applies_at,
        usage_limit=draw(st.sampled_from([None, None, 0, 1, 2, 3])),
        starts_at=draw(starts),
        expires_at=draw(ends),
        active=draw(st.sampled_from([True, True, True, True, False])),
    )


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    known = draw(st.lists(coupons(), min_size=3, max_size=6, unique_by=lambda one: one.code))
    typed = draw(st.sampled_from([None, *known]) | coupons())
    if typed is not None:
        # One code is one coupon: a store cannot give two.
        known = [coupon for coupon in known if coupon is typed or coupon.code != typed.code]
    used = draw(st.dictionaries(st.sampled_from("ABCDEF").map(CouponCode), st.integers(0, 3)))
    return Sale(
        method=draw(st.sampled_from(["x402", "stripe"])),
        now=NOON,
        rounding=draw(st.sampled_from(Rounding)),
        coupons=known,
        typed=typed,
        used=used,
    )


@st.composite
def priced_assets(draw: st.DrawFn) -> tuple[Asset, int]:
    asset = draw(st.sampled_from([USD, EUR, USDC, SOL]))
    return asset, draw(st.integers(0, 3_000_000) | st.integers(0, 10**10))


def sold(asset: Asset, minor: int, name: str = "a") -> Line:
    return Line(product=Product(id=ProductId(name)), price=Money(minor, asset))


class TestAgainstFractions:
    @settings(max_examples=COUNT, deadline=None)
    @given(priced_assets(), sales())
    def test_one_item(self, price: tuple[Asset, int], sale: Sale) -> None:
        """Both implementations charge the same and take off the same codes in the same order."""
        asset, minor = price
        line = sold(asset, minor)
        priced = price_item(line.product, sale, line.price)
        assert (priced.total.minor, list(priced.applied)) == plain_item(asset, minor, sale)

    @settings(max_examples=COUNT, deadline=None)
    @given(
        st.sampled_from([USD, EUR, USDC, SOL]),
        st.lists(
            st.tuples(
                st.sampled_from(IDS),
                st.integers(min_value=0, max_value=10**9),
                st.integers(min_value=1, max_value=50),
            ),
            min_size=1,
            max_size=4,
        ),
        sales(),
    )
    def test_a_cart(self, asset: Asset, lines: list[tuple[str, int, int]], sale: Sale) -> None:
        """Both implementations charge the same for a cart."""
        cart = [evolve(sold(asset, minor, name), quantity=count) for name, minor, count in lines]
        assert price_cart(cart, sale).total.minor == plain_cart(asset, lines, sale)

    @settings(max_examples=COUNT, deadline=None)
    @given(st.integers(min_value=0, max_value=10**12), st.integers(1, 10_000))
    def test_each_two_decimal_percentage(self, minor: int, points: int) -> None:
        """No percentage of two decimals is a basis point off, as floats are."""
        coupon = Coupon(
            code=CouponCode("T"),
            discount_type=DiscountType.PERCENTAGE,
            discount_value=Decimal(points) / 100,
        )
        sale = Sale(method="stripe", now=NOON, typed=coupon)
        exact = Fraction(minor * (10_000 - points), 10_000)
        total = price_item(Product(id=ProductId("a")), sale, Money(minor, USD)).total
        assert abs(total.minor - exact) <= Fraction(1, 2)


class TestLaws:
    @settings(max_examples=COUNT, deadline=None)
    @given(priced_assets(), sales())
    def test_nothing_is_below_zero_or_above_the_list(
        self, price: tuple[Asset, int], sale: Sale
    ) -> None:
        """Coupons only ever make cheaper; at most the cent above the list price is rounding."""
        line = sold(*price)
        priced = price_item(line.product, sale, line.price)
        zero = Money.zero(price[0])
        assert zero <= priced.subtotal <= priced.original
        assert zero <= priced.total <= priced.original.round_up_to_cents()

    @settings(max_examples=COUNT, deadline=None)
    @given(priced_assets(), sales())
    def test_the_order_of_a_store_does_not_matter(
        self, price: tuple[Asset, int], sale: Sale
    ) -> None:
        """However the coupons come, the price and the order of codes are the same."""
        line = sold(*price)
        turned = evolve(sale, coupons=list(reversed(sale.coupons)))
        assert price_item(line.product, turned, line.price) == price_item(
            line.product, sale, line.price
        )

    @settings(max_examples=COUNT, deadline=None)
    @given(priced_assets(), sales())
    def test_what_was_typed_counts_or_is_refused(
        self, price: tuple[Asset, int], sale: Sale
    ) -> None:
        """A strict gateway always has a reason, and never one against a coupon that counted."""
        typed = sale.typed
        if typed is None:
            return
        line = sold(*price)
        refusal = coupon_refusal(
            typed.code,
            typed,
            now=NOON,
            used=sale.used.get(typed.code, 0),
            method=sale.method,
            products=[line.product.id],
            asset=price[0],
        )
        priced = price_item(line.product, sale, line.price)
        assert (priced.typed is None) == (refusal is not None)

    @settings(max_examples=COUNT, deadline=None)
    @given(priced_assets(), sales())
    def test_limits_are_those_of_applied_coupons(
        self, price: tuple[Asset, int], sale: Sale
    ) -> None:
        """A claim reserves exactly what came off and has a limit."""
        line = sold(*price)
        priced = price_item(line.product, sale, line.price)
        every = {coupon.code: coupon for coupon in sale.coupons}
        if sale.typed is not None:
            every[sale.typed.code] = sale.typed
        limits = {code: every[code].usage_limit for code in priced.applied}
        assert priced.limits == {code: limit for code, limit in limits.items() if limit is not None}
        assert len(set(priced.applied)) == len(priced.applied)

"""Prices that are remembered are those that would be worked out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.core.assets import USDC
from tillway.core.catalog import AppliesAt, Coupon, DiscountType, Product, Scope
from tillway.core.contracts.counts import count
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money, Rounding
from tillway.core.pricing import Sale, price_item
from tillway.core.services.paying.prices import Prices

COUNT = count(150, 2_000)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PRODUCTS = [
    Product(id=ProductId(name), description=name, crypto_price=Money(minor, USDC))
    for name, minor in (("a", 999_999), ("b", 1_000_000), ("a", 5_000_001))
]
moments = st.integers(-2, 2).map(lambda seconds: NOON + seconds * SECOND)


@st.composite
def coupons(draw: st.DrawFn) -> Coupon:
    return Coupon(
        code=CouponCode(draw(st.sampled_from("XYZ"))),
        discount_type=DiscountType.PERCENTAGE,
        discount_value=Decimal(draw(st.integers(1, 99))),
        scope=Scope.ALL,
        auto_apply=draw(st.booleans()),
        applies_at=AppliesAt.CHECKOUT,
        usage_limit=draw(st.sampled_from([None, 1])),
        starts_at=draw(st.none() | moments),
        expires_at=draw(st.none() | moments),
    )


lists = st.lists(coupons(), max_size=3, unique_by=lambda coupon: coupon.code)


@st.composite
def worlds(draw: st.DrawFn) -> list[Sale]:
    """Draw sales of a few catalogues, so that one follows the other again and again."""
    catalogues = draw(st.lists(lists.map(tuple), min_size=1, max_size=3))
    found = []
    for _ in range(draw(st.integers(2, 12))):
        offered = draw(st.sampled_from(catalogues))
        found.append(
            Sale(
                method=draw(st.sampled_from(["x402", "stripe"])),
                now=draw(moments),
                rounding=draw(st.sampled_from(Rounding)),
                coupons=offered,
                typed=draw(st.sampled_from([None, *offered])),
                used=draw(st.dictionaries(st.sampled_from("XYZ").map(CouponCode), st.just(1))),
            )
        )
    return found


class TestRememberedPrices:
    @given(worlds(), st.data())
    @settings(max_examples=COUNT, deadline=None)
    def test_they_are_what_pricing_gives(self, sales: list[Sale], data: st.DataObject) -> None:
        """Whatever was asked before, at whatever time, in whatever order."""
        prices = Prices()
        for sale in sales:
            product = data.draw(st.sampled_from(PRODUCTS))
            price = data.draw(st.sampled_from([product.crypto_price, Money(7_777, USDC)]))
            assert prices.item(product, sale, price) == price_item(product, sale, price)

    def test_a_price_that_must_be_the_same_is_the_same_object(self) -> None:
        """Otherwise nothing is remembered."""
        prices, sale = Prices(), Sale(method="x402", now=NOON)
        first = prices.item(PRODUCTS[0], sale)
        assert prices.item(PRODUCTS[0], evolve(sale, now=NOON + 3600 * SECOND)) is first

    def test_a_coupon_counts_from_its_first_moment_to_its_last(self) -> None:
        """Both ends of its time are inside, to the microsecond."""
        tick = timedelta(microseconds=1)
        half = Coupon(
            code=CouponCode("HALF"),
            discount_type=DiscountType.PERCENTAGE,
            discount_value=Decimal(50),
            auto_apply=True,
            applies_at=AppliesAt.CHECKOUT,
            starts_at=NOON,
            expires_at=NOON + SECOND,
        )
        prices = Prices()
        when = [NOON - tick, NOON, NOON + tick, NOON + SECOND, NOON + SECOND + tick]
        totals = [
            prices.item(PRODUCTS[1], Sale(method="x402", now=now, coupons=(half,))).total.minor
            for now in when
        ]
        assert totals == [1_000_000, 500_000, 500_000, 500_000, 1_000_000]

    def test_it_does_not_grow_without_end(self) -> None:
        """A catalogue that is read anew gives new products each time."""
        prices, sale = Prices(), Sale(method="x402", now=NOON)
        for number in range(2_500):
            prices.item(evolve(PRODUCTS[0], description=str(number)), sale)
        assert len(prices) <= 1_000

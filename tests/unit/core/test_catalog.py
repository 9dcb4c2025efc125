"""Products and coupons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from tillway.core.assets import EUR, SOL, USD, USDC
from tillway.core.catalog import (
    AppliesAt,
    BillingPeriod,
    Coupon,
    CouponState,
    DiscountType,
    PriceKind,
    Product,
    Scope,
    SubscriptionTerms,
    coupon_faults,
    product_faults,
)
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ARTICLE = Product(
    id=ProductId("article"), fiat_price=Money(100, USD), crypto_price=Money(1_000_000, USDC)
)


def coupon(**changes: Any) -> Coupon:
    start = Coupon(
        code=CouponCode("SAVE"),
        discount_type=DiscountType.PERCENTAGE,
        discount_value=Decimal(10),
    )
    return evolve(start, **changes)


class TestProduct:
    def test_each_kind_has_its_price(self) -> None:
        """The card's price and the token's are two fields of one product."""
        assert ARTICLE.price(PriceKind.FIAT) == Money(100, USD)
        assert ARTICLE.price(PriceKind.CRYPTO) == Money(1_000_000, USDC)
        assert Product(id=ProductId("x")).price(PriceKind.FIAT) is None

    def test_a_product_is_a_key(self) -> None:
        """A frozen product hashes even with metadata."""
        assert len({ARTICLE, evolve(ARTICLE), evolve(ARTICLE, metadata={"a": "b"})}) == 2

    def test_metadata_is_a_copy(self) -> None:
        """Changing what it was made of changes no product."""
        metadata = {"a": "b"}
        product = evolve(ARTICLE, metadata=metadata)
        metadata["a"] = "c"
        assert product.metadata == {"a": "b"}

    def test_times_need_a_zone(self) -> None:
        """A naive time cannot be compared with the clock."""
        with pytest.raises(ValueError, match="created_at needs a time zone"):
            evolve(ARTICLE, created_at=datetime(2026, 3, 1))


class TestPreviousPrice:
    dearer = evolve(ARTICLE, crypto_price=Money(2_000_000, USDC))

    def test_a_changed_price_leaves_the_old_one(self) -> None:
        """Who was shown the old price can still be charged it for a while."""
        changed = self.dearer.succeeding(ARTICLE, NOON)
        assert changed.crypto_price == Money(2_000_000, USDC)
        earlier = changed.before(NOON + HOUR, within=HOUR)
        assert earlier is not None
        assert (earlier.crypto_price, earlier.fiat_price) == (
            ARTICLE.crypto_price,
            ARTICLE.fiat_price,
        )

    def test_the_old_price_ends(self) -> None:
        """A moment too late, or without a change, there is only the price of now."""
        changed = self.dearer.succeeding(ARTICLE, NOON)
        assert changed.before(NOON + HOUR + timedelta(microseconds=1), within=HOUR) is None
        assert changed.before(NOON - HOUR, within=HOUR) is None
        assert ARTICLE.before(NOON, within=HOUR) is None

    def test_a_repeat_changes_nothing(self) -> None:
        """Writing the same product again keeps the time of the change."""
        changed = self.dearer.succeeding(ARTICLE, NOON)
        assert self.dearer.succeeding(changed, NOON + HOUR) == changed

    def test_a_first_product_has_no_past(self) -> None:
        """Nothing came before what is new."""
        assert ARTICLE.succeeding(None, NOON) is ARTICLE

    def test_a_new_text_is_no_new_price(self) -> None:
        """Only prices count as a change of price."""
        renamed = evolve(ARTICLE, description="new").succeeding(ARTICLE, NOON)
        assert renamed.previous is None


class TestProductFaults:
    def test_a_whole_product_has_none(self) -> None:
        """Both prices and a subscription are fine."""
        terms = SubscriptionTerms(billing_period=BillingPeriod.MONTH, trial_days=7)
        assert product_faults(evolve(ARTICLE, subscription=terms)) == ()

    def test_a_stripe_price_id_is_a_price(self) -> None:
        """The contract takes a product whose price only Stripe knows."""
        assert product_faults(Product(id=ProductId("x"), stripe_price_id="price_1")) == ()

    def test_all_faults_are_named_at_once(self) -> None:
        """Each fault carries the field that is wrong."""
        terms = SubscriptionTerms(
            billing_period=BillingPeriod.DAY,
            billing_interval=0,
            trial_days=-1,
            grace_period_hours=-1,
        )
        product = Product(
            id=ProductId("cart_1"),
            fiat_price=Money(-1, USDC),
            crypto_price=Money(-1, USD),
            subscription=terms,
        )
        assert [fault.field for fault in product_faults(product)] == [
            "id",
            "fiat_price",
            "fiat_price",
            "crypto_price",
            "crypto_price",
            "subscription.billing_interval",
            "subscription.trial_days",
            "subscription.grace_period_hours",
        ]

    def test_no_price_at_all_is_a_fault(self) -> None:
        """What has no price cannot be sold."""
        assert [fault.field for fault in product_faults(Product(id=ProductId("x")))] == ["price"]

    def test_stripes_limit_is_kept(self) -> None:
        """A price that Stripe would refuse is refused at load."""
        assert not product_faults(evolve(ARTICLE, fiat_price=Money(99_999_999, EUR)))
        assert product_faults(evolve(ARTICLE, fiat_price=Money(100_000_000, EUR)))
        assert not product_faults(evolve(ARTICLE, crypto_price=Money(10**12, SOL)))


class TestCouponState:
    def test_both_ends_are_inside(self) -> None:
        """A coupon counts at its first and its last moment, and not beyond."""
        timed = coupon(starts_at=NOON, expires_at=NOON + HOUR)
        moment = timedelta(microseconds=1)
        assert timed.state(NOON, 0) is None
        assert timed.state(NOON + HOUR, 0) is None
        assert timed.state(NOON - moment, 0) is CouponState.NOT_STARTED
        assert timed.state(NOON + HOUR + moment, 0) is CouponState.EXPIRED

    def test_the_last_use_is_one_below_the_limit(self) -> None:
        """A limit of two lets two redemptions pass; none lets any pass."""
        assert coupon(usage_limit=2).state(NOON, 1) is None
        assert coupon(usage_limit=2).state(NOON, 2) is CouponState.USED_UP
        assert coupon().state(NOON, 10**9) is None
        assert coupon(usage_limit=0).state(NOON, 0) is CouponState.USED_UP

    def test_the_first_reason_is_told(self) -> None:
        """Inactive comes before not started, expired and used up."""
        worst = coupon(active=False, starts_at=NOON + HOUR, expires_at=NOON - HOUR, usage_limit=0)
        told: list[CouponState | None] = []
        for change in ({}, {"active": True}, {"starts_at": None}, {"expires_at": None}):
            worst = evolve(worst, **change)
            told.append(worst.state(NOON, 0))
        assert told == list(CouponState)

    def test_the_words_are_the_contracts(self) -> None:
        """Clients show these texts."""
        assert [str(state) for state in CouponState] == [
            "coupon is inactive",
            "coupon not started yet",
            "coupon expired",
            "coupon usage limit reached",
        ]


class TestCouponReach:
    def test_scope_and_method(self) -> None:
        """A coupon covers its products and takes its method; without either, all."""
        narrow = coupon(scope=Scope.SPECIFIC, product_ids=[ProductId("a")], payment_method="x402")
        assert narrow.covers(ProductId("a"))
        assert not narrow.covers(ProductId("b"))
        assert narrow.takes("x402")
        assert not narrow.takes("stripe")
        assert coupon().covers(ProductId("b"))
        assert coupon().takes("anything")

    def test_a_list_of_products_without_specific_scope_means_nothing(self) -> None:
        """Scope decides, not the list."""
        assert coupon(product_ids=[ProductId("a")]).covers(ProductId("b"))


class TestCouponFaults:
    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({}, []),
            ({"discount_value": Decimal(100)}, []),
            ({"discount_value": Decimal(0)}, ["discount_value"]),
            ({"discount_value": Decimal("100.01")}, ["discount_value"]),
            ({"discount_value": Decimal(-1)}, ["discount_value"]),
            ({"discount_value": Decimal("NaN")}, ["discount_value"]),
            ({"discount_type": DiscountType.FIXED, "discount_value": Decimal(0)}, []),
            ({"discount_type": DiscountType.FIXED, "discount_value": Decimal(500)}, []),
            (
                {"discount_type": DiscountType.FIXED, "discount_value": Decimal("-0.01")},
                ["discount_value"],
            ),
            ({"code": "A,B"}, ["code"]),
            ({"applies_at": AppliesAt.CATALOG}, ["scope"]),
            ({"applies_at": AppliesAt.CHECKOUT, "auto_apply": True}, []),
            (
                {
                    "applies_at": AppliesAt.CHECKOUT,
                    "scope": Scope.SPECIFIC,
                    "product_ids": [ProductId("a")],
                },
                ["scope"],
            ),
            (
                {"applies_at": AppliesAt.CATALOG, "scope": Scope.SPECIFIC},
                ["product_ids"],
            ),
            ({"auto_apply": True}, ["applies_at"]),
            ({"usage_limit": -1}, ["usage_limit"]),
            ({"starts_at": NOON, "expires_at": NOON - HOUR}, ["expires_at"]),
        ],
    )
    def test_each_rule(self, changes: dict[str, Any], fields: list[str]) -> None:
        """What the reference's validator would say, had it been called, and more."""
        assert [fault.field for fault in coupon_faults(coupon(**changes))] == fields

    def test_a_float_is_no_discount(self) -> None:
        """18.4 as a float is less than 18.4."""
        with pytest.raises(TypeError):
            coupon(discount_value=18.4)

    def test_products_are_listed_once(self) -> None:
        """A repeated id says nothing new, and the order stays."""
        ids = [ProductId("b"), ProductId("a"), ProductId("b")]
        assert coupon(product_ids=ids).product_ids == ("b", "a")

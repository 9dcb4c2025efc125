"""Why a named coupon does not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from tillway.core.assets import EUR, USD
from tillway.core.catalog import Coupon, DiscountType, Scope
from tillway.core.coupons import coupon_refusal
from tillway.core.errors import Code
from tillway.core.ids import CouponCode, ProductId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B = ProductId("a"), ProductId("b")
TEN = Coupon(
    code=CouponCode("TEN"),
    discount_type=DiscountType.PERCENTAGE,
    discount_value=Decimal(10),
)
ONLY_A = evolve(TEN, scope=Scope.SPECIFIC, product_ids=[A])
METHOD_TEXT = "Coupon does not apply to the selected payment method"
PRODUCTS_TEXT = "Coupon does not apply to the selected products"


class TestCouponRefusal:
    def test_a_good_coupon_is_not_refused(self) -> None:
        """What fits everything asked about has no refusal."""
        assert coupon_refusal("TEN", TEN, now=NOON, method="x402", products=[A, B]) is None
        assert coupon_refusal("TEN", ONLY_A, now=NOON, products=[A]) is None

    @pytest.mark.parametrize(
        ("changes", "code", "message"),
        [
            ({"active": False}, Code.COUPON_NOT_FOUND, "coupon is inactive"),
            (
                {"starts_at": NOON + timedelta(days=1)},
                Code.COUPON_NOT_APPLICABLE,
                "coupon not started yet",
            ),
            ({"expires_at": NOON - timedelta(days=1)}, Code.COUPON_EXPIRED, "coupon expired"),
            ({"usage_limit": 2}, Code.COUPON_USAGE_LIMIT_REACHED, "coupon usage limit reached"),
            ({"payment_method": "stripe"}, Code.COUPON_WRONG_PAYMENT_METHOD, METHOD_TEXT),
            (
                {"scope": Scope.SPECIFIC, "product_ids": [B]},
                Code.COUPON_NOT_APPLICABLE,
                PRODUCTS_TEXT,
            ),
        ],
    )
    def test_each_reason_has_code_and_words(
        self, changes: dict[str, Any], code: Code, message: str
    ) -> None:
        """The words are the contract's, the code is for strict gateways."""
        refusal = coupon_refusal(
            "TEN", evolve(TEN, **changes), now=NOON, used=2, method="x402", products=[A]
        )
        assert refusal is not None
        assert (refusal.code, refusal.message) == (code, message)
        error = refusal.declined()
        assert (error.code, error.message, error.field) == (code, message, "couponCode")

    @pytest.mark.parametrize(
        ("typed", "code"),
        [("NOPE", Code.COUPON_NOT_FOUND), ("", Code.INVALID_COUPON), ("A,B", Code.INVALID_COUPON)],
    )
    def test_unknown_and_malformed_differ_for_machines_only(self, typed: str, code: Code) -> None:
        """People are told the same."""
        refusal = coupon_refusal(typed, None, now=NOON)
        assert refusal is not None
        assert (refusal.code, refusal.message) == (code, "Coupon not found")

    def test_every_product_must_be_covered(self) -> None:
        """One product outside is enough to refuse."""
        assert coupon_refusal("TEN", ONLY_A, now=NOON, products=[A, B]) is not None

    def test_a_cart_takes_coupons_for_everything(self) -> None:
        """As pricing does."""
        assert coupon_refusal("TEN", ONLY_A, now=NOON, products=[A], cart=True) is not None
        assert coupon_refusal("TEN", TEN, now=NOON, products=[A], cart=True) is None

    def test_dollars_do_not_apply_to_euros(self) -> None:
        """What would take nothing off is not accepted either."""
        dollar = evolve(TEN, discount_type=DiscountType.FIXED)
        assert coupon_refusal("TEN", dollar, now=NOON, asset=EUR) is not None
        assert coupon_refusal("TEN", dollar, now=NOON, asset=USD) is None

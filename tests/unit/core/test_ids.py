"""Id formats and what may name a product or a coupon."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest

from tillway.core import ids
from tillway.core.errors import Code, Declined


def counting(count: int) -> bytes:
    return bytes(range(1, count + 1))


MAKERS: list[tuple[Callable[[ids.RandomBytes], str], re.Pattern[str]]] = [
    (ids.new_cart_id, ids.CART_ID),
    (ids.new_refund_id, ids.REFUND_ID),
    (ids.new_event_id, ids.EVENT_ID),
    (ids.new_request_id, ids.REQUEST_ID),
    (ids.new_nonce, ids.NONCE),
    (ids.new_webhook_id, ids.WEBHOOK_ID),
    (ids.new_subscription_id, ids.SUBSCRIPTION_ID),
]


class TestMakers:
    @pytest.mark.parametrize(("make", "pattern"), MAKERS)
    def test_a_new_id_has_its_kinds_form(
        self, make: Callable[[ids.RandomBytes], str], pattern: re.Pattern[str]
    ) -> None:
        """What is made is what is recognised, and no other kind takes it."""
        made = make(counting)
        assert pattern.fullmatch(made)
        assert [other for _, other in MAKERS if other.fullmatch(made)] == [pattern]

    def test_the_random_source_decides(self) -> None:
        """The same bytes make the same id: nothing else flows in."""
        assert ids.new_cart_id(counting) == "cart_0102030405060708090a0b0c0d0e0f10"
        assert ids.new_event_id(counting) == "evt_0102030405060708090a0b0c"

    def test_a_subscription_is_a_version_four_uuid(self) -> None:
        """Version and variant bits are set whatever the source gives."""
        assert UUID(ids.new_subscription_id(lambda count: b"\xff" * count)).version == 4

    def test_a_reference_webhook_id_is_still_read(self) -> None:
        """The reference numbered callbacks by the clock."""
        assert ids.WEBHOOK_ID.fullmatch("webhook_1700000000000000000")


class TestProductIds:
    @pytest.mark.parametrize("text", ["demo-article", "a", "v10", "cart", "Ünïcode 1", "x" * 255])
    def test_an_ordinary_name_is_taken(self, text: str) -> None:
        """Sellers choose their ids freely."""
        assert ids.validate_product_id(text) == text

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "v1",
            ".",
            "..",
            "cart_1",
            "cart:1",
            "refund_",
            "refund:x",
            "stripe:cs_test",
            "a/b",
            "a\\b",
            "a\nb",
            "a\x00",
            " a",
            "a ",
            "\ud800",
            "x" * 256,
        ],
    )
    def test_a_name_that_reads_as_something_else_is_refused(self, text: str) -> None:
        """Routes, other kinds of ids, slashes and control characters name no product."""
        with pytest.raises(Declined) as caught:
            ids.validate_product_id(text)
        assert (caught.value.code, caught.value.field) == (Code.INVALID_RESOURCE, "resource")


class TestCouponCodes:
    def test_case_is_kept(self) -> None:
        """Codes are compared exactly, so nothing is folded."""
        assert ids.validate_coupon_code("Save10") == "Save10"

    @pytest.mark.parametrize("text", ["", "A,B", "A\tB", " A", "x" * 256])
    def test_a_malformed_code_is_refused(self, text: str) -> None:
        """A code that could not stand in a list on the wire is `invalid_coupon`."""
        with pytest.raises(Declined) as caught:
            ids.validate_coupon_code(text)
        assert caught.value.code is Code.INVALID_COUPON

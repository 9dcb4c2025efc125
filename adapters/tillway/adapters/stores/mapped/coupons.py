"""A coupon out of a row."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tillway.adapters.stores.mapped.products import metadata_of
from tillway.adapters.stores.mapped.row import Row
from tillway.core.catalog import AppliesAt, Coupon, DiscountType, Scope, coupon_faults
from tillway.core.ids import CouponCode, ProductId

_METHODS: Final = ("stripe", "x402", "credits")


def read_coupon(row: Row) -> Coupon:
    """Give the coupon of a row. Raises Unreadable for what is none."""
    applies_at = row.word("applies_at", _words(AppliesAt))
    coupon = Coupon(
        code=CouponCode(row.required("code")),
        discount_type=DiscountType(_needed(row, "discount_type", _words(DiscountType))),
        discount_value=_discount(row),
        currency=row.text("currency"),
        scope=Scope(_needed(row, "scope", _words(Scope))),
        product_ids=tuple(ProductId(each) for each in row.texts("product_ids")),
        payment_method=row.word("payment_method", _METHODS) or None,
        auto_apply=row.flag("auto_apply", default=False),
        applies_at=AppliesAt(applies_at) if applies_at else None,
        usage_limit=_uses_left(row),
        starts_at=row.moment("starts_at"),
        expires_at=row.moment("expires_at"),
        active=row.flag("active", default=True),
        metadata=metadata_of(row),
        created_at=row.moment("created_at"),
        updated_at=row.moment("updated_at"),
    )
    for fault in coupon_faults(coupon):
        raise row.fault(fault.field, fault.message)
    return coupon


def _words(kind: type[StrEnum]) -> Sequence[str]:
    return [each.value for each in kind]


def _needed(row: Row, field: str, words: Sequence[str]) -> str:
    row.required(field)
    return row.word(field, words)


def _discount(row: Row) -> Decimal:
    value = row.decimal("discount_value")
    if value is None:
        raise row.fault("discount_value", "must not be empty")
    return value


def _uses_left(row: Row) -> int | None:
    """Give the limit of what our store counts: uses that the row counts are not among them."""
    limit, used = row.whole("usage_limit"), row.whole("usage_count") or 0
    if limit is not None and limit < 0:
        raise row.fault("usage_limit", "must not be negative")
    return None if limit is None else max(0, limit - max(0, used))

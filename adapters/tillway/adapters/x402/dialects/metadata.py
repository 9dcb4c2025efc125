"""What a v0 buyer may say besides the payment: a few short texts, never ours."""

from collections.abc import Mapping
from typing import Final

from tillway.adapters.x402.dialects.fields import LONGEST_SEALED, LONGEST_TEXT, Fields, fault_of

MOST_PAIRS: Final = 50
QUOTE: Final = "quote"
COUPONS: Final = ("coupon_code", "couponCode")

RESERVED: Final = frozenset(
    {
        QUOTE,
        *COUPONS,
        "cart_id",
        "cart_items",
        "catalog_coupons",
        "checkout_coupons",
        "coupon_codes",
        "coupons",
        "discount_amount_cents",
        "discounted_amount",
        "network",
        "original_amount",
        "original_amount_cents",
        "original_purchase_id",
        "reason",
        "recipient_wallet",
        "resource",
        "resource_id",
        "session_id",
        "status",
        "subscription",
        "subtotal_after_catalog",
        "tenant",
        "tenant_id",
        "total_quantity",
        "type",
        "user_id",
        "wallet",
    }
)
"""Keys that the gateway writes, or reads as instructions: a buyer's words never stand there."""

RESERVED_PREFIXES: Final = ("item_", "stripe_", "tillway_")


def read(payload: Fields) -> Mapping[str, str]:
    """Give the metadata of a payload, reserved keys included.

    Raises Declined for more than 50 pairs, for what is not text, for texts over 500 characters.
    """
    found = payload.inner("metadata")
    if found is None:
        return {}
    if len(found.members) > MOST_PAIRS:
        payload.refuse("metadata", f"must not have more than {MOST_PAIRS} entries")
    if any(fault_of(name, LONGEST_TEXT) for name in found.members):
        payload.refuse("metadata", "has a key that cannot be kept")
    return {name: value for name in found.members if (value := _value(found, name)) is not None}


def _value(found: Fields, name: str) -> str | None:
    return found.text(name, LONGEST_SEALED if name == QUOTE else LONGEST_TEXT)


def coupon_of(metadata: Mapping[str, str]) -> str | None:
    """Give the coupon that the buyer typed, by either spelling."""
    return next((code for name in COUPONS if (code := metadata.get(name))), None)


def own(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Give the pairs that are the buyer's to write."""
    return {name: value for name, value in metadata.items() if not _is_reserved(name)}


def _is_reserved(name: str) -> bool:
    return name in RESERVED or name.startswith(RESERVED_PREFIXES)

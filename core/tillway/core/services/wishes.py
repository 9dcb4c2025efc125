"""What clients may have noted with a purchase: theirs, within bounds, and nothing of ours."""

from collections.abc import Mapping
from typing import Final

from tillway.core.errors import Code, Declined

RESERVED: Final = frozenset(
    {
        "resource_id",
        "resourceId",
        "resource",
        "coupon_code",
        "coupon_codes",
        "original_amount_cents",
        "discount_amount_cents",
        "original_amount",
        "discounted_amount",
        "cart_id",
        "session_id",
        "status",
        "subscription",
        "interval",
    }
)
"""Names by which we, and readers of the Cedros contract, tell what was bought."""

RESERVED_PREFIXES: Final = ("tillway_", "item_", "stripe_")

MOST: Final = 50
LONGEST_KEY: Final = 40
LONGEST_VALUE: Final = 500
"""What card providers keep."""


def checked_metadata(given: Mapping[str, str], field: str = "metadata") -> Mapping[str, str]:
    """Give what a client wants to have noted, without the names that are ours.

    Declined (invalid_field) for more than can be kept.
    """
    if len(given) > MOST:
        raise Declined(Code.INVALID_FIELD, f"{field} must have at most {MOST} keys", field=field)
    for key, value in given.items():
        if not 0 < len(key) <= LONGEST_KEY or len(value) > LONGEST_VALUE:
            text = f"{field} keys have 1 to {LONGEST_KEY} characters, values at most "
            raise Declined(Code.INVALID_FIELD, f"{text}{LONGEST_VALUE}", field=field)
        if "\0" in key or "\0" in value:
            raise Declined(Code.INVALID_FIELD, f"{field} must not contain NUL", field=field)
    return {key: value for key, value in given.items() if not _is_ours(key)}


def _is_ours(key: str) -> bool:
    return key in RESERVED or key.startswith(RESERVED_PREFIXES)

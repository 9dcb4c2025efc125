"""Our words on Stripe's objects: the order's, then ours last, within Stripe's limits."""

from collections.abc import Mapping
from typing import Final

from tillway.core.checkouts import Checkout

CHECKOUT: Final = "tillway_checkout"
TENANT: Final = "tillway_tenant"
PURPOSE: Final = "tillway_purpose"
REFUND: Final = "tillway_refund"

MOST_KEYS: Final = 50
LONGEST_KEY: Final = 40
LONGEST_VALUE: Final = 500
"""Stripe's limits (docs.stripe.com/api/metadata)."""


def ours_of(checkout: Checkout) -> Mapping[str, str]:
    """Give what names a checkout wherever Stripe carries it on."""
    return {
        CHECKOUT: checkout.id,
        TENANT: checkout.tenant,
        PURPOSE: checkout.purchase.purpose.value,
    }


def written(theirs: Mapping[str, str], ours: Mapping[str, str]) -> Mapping[str, str]:
    """Give metadata that Stripe takes, in which nothing stands in the place of ours.

    Keys that Stripe cannot have are left out, long values are cut, and of too many pairs the
    first are left out: whoever writes last matters most.
    """
    kept = {
        key: value[:LONGEST_VALUE]
        for key, value in theirs.items()
        if value and key not in ours and _can_be_key(key)
    }
    room = MOST_KEYS - len(ours)
    last = list(kept.items())[-room:] if room else []
    return {**dict(last), **ours}


def _can_be_key(key: str) -> bool:
    return 0 < len(key) <= LONGEST_KEY and "[" not in key and "]" not in key

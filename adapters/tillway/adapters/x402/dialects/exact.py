"""What x402 v1 and v2 share: the scheme "exact" and its payload on Solana."""

from typing import Final

from tillway.adapters.x402.dialects.fields import LONGEST_NAME, Fields
from tillway.adapters.x402.programs import address
from tillway.adapters.x402.reasons import Reason

SCHEME: Final = "exact"


def is_ours(terms: Fields, family: str, expected: str) -> bool:
    """Tell whether a scheme and a network are this rail's.

    "exact" exists on many chains: a network outside the family is another rail's. Raises
    Declined for another network of the family, and for one that is not named.
    """
    if terms.members.get("scheme") != SCHEME:
        return False
    network = terms.text("network", LONGEST_NAME)
    if network is None:
        terms.refuse("network", "is missing")
    if not network.startswith(family):
        return False
    if network != expected:
        terms.refuse("network", "is not the one offered", Reason.NETWORK_MISMATCH)
    return True


def fee_payer(extra: Fields | None) -> str | None:
    """Give the fee payer that the chosen offer named, if it came back."""
    named = extra.text("feePayer", LONGEST_NAME) if extra is not None else None
    if extra is None or not named:
        return None
    try:
        address(named)
    except ValueError:
        extra.refuse("feePayer", "must be a public key")
    return named

"""x402 version 2: the chosen offer is echoed, and our sealed quote in its ``extra``.

Nothing else of the echo is believed: a payment is held to the quote, never to what comes back.
"""

from collections.abc import Mapping
from typing import Final

from tillway.adapters.x402.dialects import exact
from tillway.adapters.x402.dialects.fields import LONGEST_SEALED, Fields, fault_of
from tillway.adapters.x402.networks import CAIP2
from tillway.core.assets import Network
from tillway.core.ports.rails import Proof

VERSION: Final = 2
LONGEST_ADDRESS: Final = 2048


def read(envelope: Fields, network: Network, rail: str) -> Proof | None:
    """Read a version 2 payment; None if its scheme or network is another rail's."""
    accepted = envelope.inner("accepted")
    name = CAIP2[network]
    if accepted is None or not exact.is_ours(accepted, "solana:", name):
        return None
    raw = envelope.required("payload").transaction()
    extra = accepted.inner("extra")
    return Proof(
        rail=rail,
        version=VERSION,
        payload=raw,
        network=name,
        resource=_address(envelope.members.get("resource")),
        sealed=(extra.text("quote", LONGEST_SEALED) or None) if extra is not None else None,
        sponsor=exact.fee_payer(extra),
    )


def _address(resource: object) -> str | None:
    """Give the address that the client was at; what it echoes is optional, and only compared."""
    url = resource.get("url") if isinstance(resource, Mapping) else None
    whole = isinstance(url, str) and fault_of(url, LONGEST_ADDRESS) is None
    return url if whole else None

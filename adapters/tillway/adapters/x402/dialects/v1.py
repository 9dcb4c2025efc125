"""x402 version 1: scheme and network beside the payload, nothing of the offer comes back."""

from typing import Final

from tillway.adapters.x402.dialects import exact
from tillway.adapters.x402.dialects.fields import Fields
from tillway.adapters.x402.networks import V1_NAMES
from tillway.core.assets import Network
from tillway.core.ports.rails import Proof

VERSION: Final = 1


def read(envelope: Fields, network: Network, rail: str) -> Proof | None:
    """Read a version 1 payment; None if its scheme or network is another rail's."""
    name = V1_NAMES[network]
    if not exact.is_ours(envelope, "solana", name):
        return None
    raw = envelope.required("payload").transaction()
    return Proof(rail=rail, version=VERSION, payload=raw, network=name)

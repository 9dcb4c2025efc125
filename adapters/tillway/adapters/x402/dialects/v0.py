"""x402 as the Cedros server speaks it: version 0, scheme "solana-spl-transfer"."""

from typing import Final

from tillway.adapters.x402.dialects import metadata
from tillway.adapters.x402.dialects.fields import LONGEST_NAME, Fields
from tillway.adapters.x402.programs import address
from tillway.adapters.x402.reasons import Reason
from tillway.adapters.x402.transaction import decode
from tillway.core.assets import Network
from tillway.core.ports.rails import Proof

VERSION: Final = 0
SCHEME: Final = "solana-spl-transfer"
SCHEMES: Final = (SCHEME, "solana")


def read(envelope: Fields, network: Network, rail: str) -> Proof | None:
    """Read a version 0 payment; None if its scheme is another's."""
    if envelope.members.get("scheme") not in SCHEMES:
        return None
    _require_network(envelope, network)
    payload = envelope.required("payload")
    raw = payload.transaction()
    sponsor = _sponsor(payload)
    if sponsor is None:
        _require_own_signature(payload, raw)
    said = metadata.read(payload)
    return Proof(
        rail=rail,
        version=VERSION,
        payload=raw,
        network=network.value,
        resource=payload.text("resource") or None,
        resource_type=payload.text("resourceType", LONGEST_NAME) or None,
        coupon=metadata.coupon_of(said),
        sealed=said.get(metadata.QUOTE) or None,
        sponsor=sponsor,
        metadata=metadata.own(said),
    )


def _require_network(envelope: Fields, network: Network) -> None:
    named = envelope.text("network", LONGEST_NAME)
    if named != network.value:
        fault = f"mismatch: expected {network.value}, got {named or 'none'}"
        envelope.refuse("network", fault, Reason.NETWORK_MISMATCH)


def _sponsor(payload: Fields) -> str | None:
    named = payload.text("feePayer", LONGEST_NAME)
    if not named:
        return None
    try:
        address(named)
    except ValueError:
        payload.refuse("feePayer", "must be a public key")
    return named


def _require_own_signature(payload: Fields, raw: bytes) -> None:
    # The key of a payment is computed; a client's string may only agree with what was signed.
    named = payload.text("signature")
    if named and named != decode(raw).signature:
        payload.refuse("signature", "is not the transaction's", Reason.SIGNATURE)

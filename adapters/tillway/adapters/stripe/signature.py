"""The signature of a webhook, checked over the raw bytes before anything is read.

The header is ``t=<seconds>,v1=<hex>,v1=<hex>``; each v1 is the HMAC-SHA256 of ``<t>.<body>``
under a secret of the endpoint (docs.stripe.com/webhooks#verify-manually).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from tillway.core.errors import Code, Declined
from tillway.core.secrets import Secret

HEADER: Final = "stripe-signature"
TOLERANCE: Final = 300
"""Seconds by which a signature may be older than now, or newer."""

UNSIGNED: Final = "The webhook's signature is not valid."
_LONGEST: Final = 4_096
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def refuse_forged(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: datetime
) -> None:
    """Raise Declined (invalid_signature) for what none of the secrets has signed just now.

    A secret that is empty signs nothing.
    """
    stamp, signatures = _parts(_header(headers))
    recent = stamp is not None and abs(int(now.timestamp()) - int(stamp)) <= TOLERANCE
    if not recent or not _is_signed(f"{stamp}.".encode() + body, signatures, secrets):
        raise Declined(Code.INVALID_SIGNATURE, UNSIGNED)


def signature(body: bytes, secret: Secret, at: datetime) -> str:
    """Write the header for a body, as Stripe does."""
    stamp = int(at.timestamp())
    return f"t={stamp},v1={_mac(secret, f'{stamp}.'.encode() + body)}"


def _header(headers: Mapping[str, str]) -> str:
    found = [value for name, value in headers.items() if name.lower() == HEADER]
    return found[0] if len(found) == 1 and len(found[0]) <= _LONGEST else ""


def _parts(header: str) -> tuple[str | None, Sequence[str]]:
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and value.isascii()]
    if len(stamps) != 1 or not _SECONDS.fullmatch(stamps[0]):
        return None, ()
    return stamps[0], signatures


def _is_signed(signed: bytes, signatures: Sequence[str], secrets: Sequence[Secret]) -> bool:
    expected = [_mac(secret, signed) for secret in secrets if secret.reveal().strip()]
    return any(hmac.compare_digest(mac, given) for mac in expected for given in signatures)


def _mac(secret: Secret, signed: bytes) -> str:
    return hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()

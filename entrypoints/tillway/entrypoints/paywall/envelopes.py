"""The headers by which x402 clients pay and are answered.

v0 and v1 share ``X-PAYMENT`` and are told apart by ``x402Version`` inside; v2 uses
``PAYMENT-SIGNATURE``. Values are standard base64 of UTF-8 JSON; v0 may also be raw JSON.
"""

import base64
import binascii
from collections.abc import Mapping

import orjson
from multidict import istr

from tillway.core.errors import Code, Declined

X_PAYMENT = istr("X-PAYMENT")
PAYMENT_SIGNATURE = istr("PAYMENT-SIGNATURE")
PAYMENT_REQUIRED = istr("PAYMENT-REQUIRED")
PAYMENT_RESPONSE = istr("PAYMENT-RESPONSE")
X_PAYMENT_RESPONSE = istr("X-PAYMENT-RESPONSE")

LONGEST_PAYMENT = 16 * 1024


def envelope(text: str) -> Mapping[str, object]:
    """Decode a payment header to the JSON object that it holds."""
    if len(text) > LONGEST_PAYMENT:
        raise malformed("is too long")
    raw = text.encode("utf-8", "surrogateescape")
    if not raw.lstrip().startswith(b"{"):
        raw = _from_base64(raw)
    try:
        decoded = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise malformed("is not JSON") from error
    if not isinstance(decoded, dict):
        raise malformed("is not a JSON object")
    return decoded


def encoded(body: Mapping[str, object]) -> str:
    """Encode an object for a header."""
    return base64.b64encode(orjson.dumps(body)).decode()


def _from_base64(raw: bytes) -> bytes:
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error as error:
        raise malformed("is not base64") from error


def malformed(what: str) -> Declined:
    """Refuse a payment header: say what it is."""
    return Declined(
        Code.INVALID_PAYMENT_PROOF,
        f"the payment header {what}",
        field="header",
        reason="invalid_payload",
    )

"""The headers by which x402 clients pay and are answered.

v0 and v1 share ``X-PAYMENT`` and are told apart by ``x402Version`` inside; v2 uses
``PAYMENT-SIGNATURE``. Values are standard base64 of UTF-8 JSON; v0 may also be raw JSON.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping

import orjson
from aiohttp import web
from attrs import evolve
from multidict import istr

from tillway.core.errors import Code, Declined
from tillway.core.payments import Asked
from tillway.core.ports.rails import Proof
from tillway.core.services.rails import Rails
from tillway.entrypoints.http.proofs import word_in
from tillway.entrypoints.http.request import BODY, CLIENT, PRINCIPAL, TENANT

X_PAYMENT = istr("X-PAYMENT")
PAYMENT_SIGNATURE = istr("PAYMENT-SIGNATURE")
PAYMENT_REQUIRED = istr("PAYMENT-REQUIRED")
PAYMENT_RESPONSE = istr("PAYMENT-RESPONSE")
X_PAYMENT_RESPONSE = istr("X-PAYMENT-RESPONSE")
IDEMPOTENCY_KEY = "Idempotency-Key"

LONGEST_PAYMENT = 16 * 1024
_LONGEST_KEY = 255


def proof_in(request: web.Request, rails: Rails) -> Proof | None:
    """Read the proof that a request carries; None if it carries none.

    Raises Declined (invalid_payment_proof) for a header that cannot be read.
    """
    text = request.headers.get(PAYMENT_SIGNATURE) or request.headers.get(X_PAYMENT)
    if not text:
        return None
    proof = rails.read(envelope(text))
    return evolve(proof, address=request[CLIENT])


def envelope(text: str) -> Mapping[str, object]:
    """Decode a payment header to the JSON object that it holds."""
    if len(text) > LONGEST_PAYMENT:
        raise _malformed("is too long")
    raw = text.encode("utf-8", "surrogateescape")
    if not raw.lstrip().startswith(b"{"):
        raw = _from_base64(raw)
    try:
        decoded = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed("is not JSON") from error
    if not isinstance(decoded, dict):
        raise _malformed("is not a JSON object")
    return decoded


def _from_base64(raw: bytes) -> bytes:
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error as error:
        raise _malformed("is not base64") from error


def _malformed(what: str) -> Declined:
    return Declined(
        Code.INVALID_PAYMENT_PROOF,
        f"the payment header {what}",
        field="header",
        reason="invalid_payload",
    )


def encoded(body: Mapping[str, object]) -> str:
    """Encode an object for a header."""
    return base64.b64encode(orjson.dumps(body)).decode()


def asked_by(request: web.Request) -> Asked:
    """Hash how a request asks, so that a repeat can be told from another request."""
    body = hashlib.sha256(request.get(BODY, b"")).hexdigest()
    parts = (request.method, request.rel_url.raw_path, request.rel_url.raw_query_string, body)
    return Asked(
        request=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        address=request[CLIENT],
        idempotency=_idempotency(request),
        principal=request[PRINCIPAL],
        word=word_in(request),
    )


def _idempotency(request: web.Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_KEY)
    if not key:
        return None
    if len(key) > _LONGEST_KEY:
        raise Declined(Code.INVALID_FIELD, f"{IDEMPOTENCY_KEY} is too long", field=IDEMPOTENCY_KEY)
    parts = (request[TENANT], request[PRINCIPAL] or "", key)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

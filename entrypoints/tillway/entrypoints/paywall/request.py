"""A request as the paywall sees it, whatever framework has received it."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen
from multidict import MultiMapping

from tillway.core.errors import Code, Declined
from tillway.core.neighbours import neighbours_of
from tillway.core.payments import Asked, Word
from tillway.core.ports.rails import Proof
from tillway.core.services.rails import Rails
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.paywall.envelopes import PAYMENT_SIGNATURE, X_PAYMENT, envelope, malformed

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

SIGNATURE_HEADERS: Final = ("X-Signer", "X-Message", "X-Signature")
"""A wallet's word: its address, the text that it signed, and the signature in base64."""

LONGEST_WORD: Final = 4096
"""Characters of each of them that are looked at."""

LONGEST_KEY: Final = 255
UNGUESSABLE: Final = 16
"""Characters from which on a key may be known to its maker alone, wherever he asks from."""

KEYS: Final = r"[ -~]*"
"""What an Idempotency-Key is made of."""

_KEY: Final = re.compile(KEYS)


@frozen(kw_only=True)
class Request:
    """What was asked, read to its end.

    ``path`` and ``query`` are as they were written. ``url`` is the absolute address without the
    query; ``certain`` tells that its host is ours by our settings, and not only by what the client
    calls us. ``headers`` are looked up whatever their case. ``address`` is the client's, as trusted
    proxies tell it; ``principal`` is who asks, as some authenticator has proven it.
    """

    method: str
    path: str
    query: str
    url: str
    headers: MultiMapping[str]
    body: bytes
    address: str
    tenant: Tenant = DEFAULT
    principal: str | None = None
    certain: bool = False


def proof_in(request: Request, rails: Rails) -> Proof | None:
    """Read the proof that a request carries; None if it carries none.

    Raises Declined (invalid_payment_proof) for a header that cannot be read, or is there twice:
    whoever stands between us and the buyer may have looked at the other.
    """
    text = _proof(request.headers, PAYMENT_SIGNATURE) or _proof(request.headers, X_PAYMENT)
    if not text:
        return None
    return evolve(rails.read(envelope(text)), address=request.address)


def _proof(headers: MultiMapping[str], name: str) -> str | None:
    if len(headers.getall(name, ())) > 1:
        raise malformed("is there more than once")
    return headers.get(name)


def asked_in(request: Request) -> Asked:
    """Hash how a request asks, so that a repeat can be told from another request."""
    body = hashlib.sha256(request.body).hexdigest()
    parts = (request.method, request.path, request.query, body)
    return Asked(
        request=hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest(),
        address=request.address,
        idempotency=_idempotency(request),
        principal=request.principal,
        word=word_in(request.headers),
    )


def word_in(headers: Mapping[str, str]) -> Word | None:
    """Give the word of a wallet that a request carries, not yet believed; None if it has none.

    One that is longer than any real one is none.
    """
    signer, message, signature = (headers.get(name) for name in SIGNATURE_HEADERS)
    if signer is None or message is None or signature is None:
        return None
    if max(len(signer), len(message), len(signature)) > LONGEST_WORD:
        return None
    return Word(signer=signer, message=message, signature=signature)


def idempotency_key(headers: MultiMapping[str]) -> str | None:
    """Give a request's Idempotency-Key; None if it has none.

    Raises Declined (invalid_field) for one that is too long, or is not printable ASCII, and for
    several.
    """
    keys = headers.getall(IDEMPOTENCY_KEY, ())
    key = keys[0] if keys else ""
    if not any(keys):
        return None
    if len(keys) > 1 or len(key) > LONGEST_KEY or _KEY.fullmatch(key) is None:
        text = f"{IDEMPOTENCY_KEY} must be one, of at most {LONGEST_KEY} printable ASCII characters"
        raise Declined(Code.INVALID_FIELD, text, field=IDEMPOTENCY_KEY)
    return key


def _idempotency(request: Request) -> str | None:
    """Hash the key with whose it is: a short one is that of an address, since others guess it."""
    key = idempotency_key(request.headers)
    if key is None:
        return None
    who = request.principal or ""
    if not who and len(key) < UNGUESSABLE:
        who = f"at {neighbours_of(request.address)}"
    parts = (request.tenant, who, key)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

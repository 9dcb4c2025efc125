"""Quotes sealed by AES-GCM-SIV and vouched for by HMAC-SHA256, with keys derived per tenant.

AES-GCM-SIV (RFC 8452) stays safe if a nonce repeats. Keys come from HKDF (RFC 5869) over a
master key, with the use and the tenant as its info.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from attrs import Factory, define, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillway.core.assets import Assets
from tillway.core.errors import Code, Declined
from tillway.core.quotes import MAC_BYTES, Authenticator, Quote, dump, encode_terms, load
from tillway.core.tenancy import Tenant

_VERSION = "q1."
_SEALED_WITH = _VERSION.encode()
"""What a seal vouches for beside the quote."""

_NONCE_BYTES = 12
_LONGEST = 8192


def _id_of(key: "MasterKey") -> int:
    return hashlib.sha256(b"tillway key id" + key.secret).digest()[0]


@frozen(kw_only=True)
class MasterKey:
    """A key as the operator or the store holds it: at least 32 bytes of secret."""

    secret: bytes = field(repr=False)
    retired_at: datetime | None = None
    id: int = field(init=False, default=Factory(_id_of, takes_self=True))
    """The byte by which sealed things name their key. Two keys may share it."""


@lru_cache(maxsize=4096)
def _derived(secret: bytes, use: str, tenant: str) -> bytes:
    info = f"tillway {use} 1 {tenant}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


@lru_cache(maxsize=4096)
def _keyed(secret: bytes, tenant: str) -> HMAC:
    return HMAC(_derived(secret, "authenticator", tenant), SHA256())


@lru_cache(maxsize=4096)
def _box(secret: bytes, tenant: str) -> AESGCMSIV:
    return AESGCMSIV(_derived(secret, "seal", tenant))


@define(kw_only=True)
class Sealer:
    """Seal with the first key; open with any that is not retired for too long.

    ``retention`` is the longest life of a quote plus the clock skew that is permitted.
    """

    keys: Sequence[MasterKey] = field(repr=False)
    assets: Assets
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    retention: timedelta

    def seal(self, quote: Quote) -> str:
        """Encrypt the quote under its tenant's key."""
        key, nonce = self.keys[0], self.random(_NONCE_BYTES)
        box = _box(key.secret, quote.tenant)
        raw = bytes([key.id]) + nonce + box.encrypt(nonce, dump(quote), _SEALED_WITH)
        return _VERSION + _written(raw)

    def open(self, sealed: str, tenant: Tenant) -> Quote:
        """Decrypt what was sealed for this tenant."""
        raw = _raw(sealed)
        nonce, box = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
        for key in self._named(raw[0]):
            try:
                plain = _box(key.secret, tenant).decrypt(nonce, box, _SEALED_WITH)
            except InvalidTag:
                continue
            return load(plain, self.assets)
        raise _refused()

    def authenticate(self, quote: Quote) -> Authenticator:
        """Vouch for the quote's terms with the first key."""
        key = self.keys[0]
        return Authenticator(
            key_id=key.id,
            expires_at=quote.expires_at,
            nonce=quote.nonce,
            mac=_mac(key, quote),
        )

    def vouches(self, authenticator: Authenticator, quote: Quote) -> bool:
        """Compare in constant time with what each key of that id would have written."""
        if (authenticator.expires_at, authenticator.nonce) != (quote.expires_at, quote.nonce):
            return False
        named = self._named(authenticator.key_id)
        return any(hmac.compare_digest(_mac(key, quote), authenticator.mac) for key in named)

    def _named(self, key_id: int) -> list[MasterKey]:
        oldest = self.now() - self.retention
        return [
            key
            for key in self.keys
            if key.id == key_id and (key.retired_at is None or key.retired_at > oldest)
        ]


def _mac(key: MasterKey, quote: Quote) -> bytes:
    # A copy of a keyed hash costs a third of what keying one does.
    mac = _keyed(key.secret, quote.tenant).copy()
    mac.update(encode_terms(quote))
    return mac.finalize()[:MAC_BYTES]


def _raw(sealed: str) -> bytes:
    text = sealed.removeprefix(_VERSION)
    if text == sealed or len(sealed) > _LONGEST:
        raise _refused()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused() from error
    # Bits that no byte needs could be anything otherwise: a seal has one spelling.
    if len(raw) < 1 + _NONCE_BYTES + 16 or _written(raw) != text:
        raise _refused()
    return raw


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refused() -> Declined:
    return Declined(Code.INVALID_PAYMENT_PROOF, "The quote was not made by this gateway.")

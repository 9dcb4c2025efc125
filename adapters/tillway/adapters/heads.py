"""Heads of the sealed log, signed by Ed25519 (RFC 8032).

The key is derived from a secret of the operator's by HKDF (RFC 5869), so that any long secret
will do.
"""

import base64
import binascii

from attrs import define, field
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillway.core.secrets import Secret


@define
class HeadSigner:
    """Sign with the key of one secret."""

    secret: Secret
    _key: Ed25519PrivateKey = field(init=False, repr=False)

    @_key.default
    def _derive(self) -> Ed25519PrivateKey:
        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tillway ledger heads 1")
        return Ed25519PrivateKey.from_private_bytes(derive.derive(self.secret.reveal().encode()))

    @property
    def public_key(self) -> str:
        """Name the key: base64 of the raw public key."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, text: str) -> str:
        """Sign a text; the same text gives the same signature."""
        return base64.b64encode(self._key.sign(text.encode())).decode()


class HeadSignatures:
    """Verify signatures of any key."""

    def is_signed(self, public_key: str, text: str, signature: str) -> bool:
        """Tell whether this key has signed this text; False for anything malformed."""
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
            key.verify(base64.b64decode(signature, validate=True), text.encode())
        except (InvalidSignature, ValueError, binascii.Error):
            return False
        return True

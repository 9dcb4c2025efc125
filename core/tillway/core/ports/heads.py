"""Signing the heads of the sealed log, with a key that is not in the store."""

from typing import Protocol


class SignsHeads(Protocol):
    """Vouch for how far a tenant's chain goes."""

    @property
    def public_key(self) -> str:
        """Name the key, so that others can verify: base64 of the raw public key."""
        ...

    def sign(self, text: str) -> str:
        """Sign a text; the same text gives the same signature. Base64."""
        ...


class KnowsHeads(Protocol):
    """Verify what was signed."""

    def is_signed(self, public_key: str, text: str, signature: str) -> bool:
        """Tell whether this key has signed this text; False for anything malformed."""
        ...

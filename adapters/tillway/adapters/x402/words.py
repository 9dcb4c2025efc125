"""Messages that wallets sign off the chain: Ed25519 over the plain text."""

import base64
import binascii
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.core.payments import Word

_BASE64_LENGTH: Final = 88
"""Of 64 bytes, padded: what the Cedros API's X-Signature holds."""


def is_signed(word: Word) -> bool:
    """Tell whether the signer has signed exactly these UTF-8 bytes; False for malformed parts."""
    if len(word.signature) != _BASE64_LENGTH:
        return False
    try:
        signature = Signature(base64.b64decode(word.signature, validate=True))
        return signature.verify(Pubkey.from_string(word.signer), word.message.encode())
    except (binascii.Error, ValueError):
        return False

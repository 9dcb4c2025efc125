"""Token accounts: where they are, and what their bytes say.

The layout is that of spl-token's ``Account``, which Token-2022 keeps for its first 165 bytes.
"""

import struct
from functools import lru_cache
from typing import Final

from attrs import frozen
from solders.pubkey import Pubkey

from tillway.adapters.x402.answers import Account
from tillway.adapters.x402.programs import ASSOCIATED_TOKEN, TOKEN, TOKEN_2022

TOKEN_ACCOUNT_BYTES: Final = 165

_ASSOCIATED: Final = Pubkey(ASSOCIATED_TOKEN)
_AMOUNT: Final = struct.Struct("<Q")


@lru_cache(maxsize=4096)
def token_account(owner: bytes, mint: bytes, program: bytes) -> bytes:
    """Give the associated token account of an owner for a mint, under its token program."""
    found, _ = Pubkey.find_program_address([owner, program, mint], _ASSOCIATED)
    return bytes(found)


@frozen(kw_only=True)
class TokenAccount:
    """What a token account says: its mint, the owner's wallet, and minor units."""

    mint: bytes
    owner: bytes
    amount: int


def read_token_account(account: Account | None) -> TokenAccount | None:
    """Read an account that a token program keeps; None for any other, or none at all."""
    if account is None or bytes(account.owner) not in (TOKEN, TOKEN_2022):
        return None
    data = account.data
    if len(data) < TOKEN_ACCOUNT_BYTES:
        return None
    (amount,) = _AMOUNT.unpack_from(data, 64)
    return TokenAccount(mint=data[:32], owner=data[32:64], amount=amount)

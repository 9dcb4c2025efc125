"""The programs that a payment may call. Addresses are raw 32 bytes: they are compared often."""

from functools import lru_cache
from types import MappingProxyType
from typing import Final

from solders.pubkey import Pubkey

from tillway.core.assets import TokenProgram


def address(text: str) -> bytes:
    """Read a base58 address; ValueError if it is none."""
    return bytes(Pubkey.from_string(text))


def is_address(text: str) -> bool:
    """Tell whether a text is an address in base58."""
    try:
        Pubkey.from_string(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def written(key: bytes) -> str:
    """Write an address in base58."""
    return str(Pubkey(key))


SYSTEM: Final = address("11111111111111111111111111111111")
COMPUTE_BUDGET: Final = address("ComputeBudget111111111111111111111111111111")
TOKEN: Final = address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022: Final = address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED_TOKEN: Final = address("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MEMO: Final = address("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
LIGHTHOUSE: Final = address("L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95")

TOKEN_PROGRAMS: Final = MappingProxyType(
    {TokenProgram.TOKEN: TOKEN, TokenProgram.TOKEN_2022: TOKEN_2022}
)

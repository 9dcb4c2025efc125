"""Wallets that every process of a benchmark can work out by itself."""

from hashlib import sha256
from typing import Final

from solders.keypair import Keypair

BUYERS: Final = 500
BALANCE: Final = 10**12
"""Minor units that each buyer begins with: no benchmark empties a wallet."""

PRICE: Final = 50_000
RESOURCE: Final = "article"


def buyer(number: int) -> Keypair:
    """Give one of the buyers."""
    return _pair(f"buyer {number}")


def merchant() -> Keypair:
    """Give the wallet that is paid."""
    return _pair("merchant")


def sponsor() -> Keypair:
    """Give the wallet that pays the buyers' fees."""
    return _pair("sponsor")


def _pair(name: str) -> Keypair:
    return Keypair.from_seed(sha256(f"tillway bench {name}".encode()).digest())

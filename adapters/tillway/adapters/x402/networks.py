"""What a Solana cluster is called: in the settings, by x402 v1, and by CAIP-2.

CAIP-2 ids hold the first 32 characters of a cluster's genesis hash. The v1 names are those of
the official x402 clients, which refuse any other Solana id.
"""

from types import MappingProxyType
from typing import Final

from tillway.core.assets import Network
from tillway.core.payments import Chain

CAIP2: Final = MappingProxyType(
    {
        Network.MAINNET: "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
        Network.DEVNET: "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
        Network.TESTNET: "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z",
    }
)
V1_NAMES: Final = MappingProxyType(
    {
        Network.MAINNET: "solana",
        Network.DEVNET: "solana-devnet",
        Network.TESTNET: "solana-testnet",
    }
)


def chain_of(network: Network) -> Chain:
    """Name the chain on which a message runs once."""
    return Chain(CAIP2[network])

"""The Solana clusters, by every name that operators and protocols give them."""

from types import MappingProxyType
from typing import Final

from tillway.adapters.x402.networks import CAIP2, V1_NAMES
from tillway.core.assets import Network

NAMES: Final = MappingProxyType(
    {
        "mainnet": Network.MAINNET,
        **{network.value: network for network in Network},
        **{name: network for network, name in V1_NAMES.items()},
        **{name: network for network, name in CAIP2.items()},
    }
)

PUBLIC_RPC: Final = MappingProxyType(
    {
        Network.MAINNET: "https://api.mainnet-beta.solana.com",
        Network.DEVNET: "https://api.devnet.solana.com",
        Network.TESTNET: "https://api.testnet.solana.com",
    }
)
"""The nodes that Solana runs for everybody, with low limits."""


def known_network(text: str) -> str | None:
    """Take a name of a cluster."""
    usual = ", ".join(Network)
    return None if text in NAMES else f"must be one of {usual}, or one of their x402 names"

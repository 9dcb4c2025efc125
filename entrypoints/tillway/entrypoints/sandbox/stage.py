"""What the sandbox's gateway stands on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen
from solders.keypair import Keypair

from tillway.entrypoints.sandbox.chain import Chain, Served
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.entrypoints.sandbox.stripe import Served as ServedStripe

CLUSTER: Final = "devnet"

OPERATOR_KEY: Final = "operator-of-this-sandbox-and-nothing-else"
"""The shop's `server.admin_api_key`: it is known to all, and opens only what is worth nothing."""


@frozen(kw_only=True)
class Plan:
    """How a sandbox is to be. ``data_dir`` None: everything is forgotten at the end."""

    host: str = "127.0.0.1"
    port: int = 8080
    rpc_port: int = 8899
    stripe_port: int = 12111
    data_dir: Path | None = None
    settings: Mapping[str, object] = {}


@frozen(kw_only=True)
class Wallets:
    """The shop's two wallets: the one that is paid, and the one that pays network fees."""

    merchant: Keypair = field(repr=False)
    sponsor: Keypair = field(repr=False)


@frozen(kw_only=True)
class Stage:
    """What a gateway of the sandbox stands on."""

    plan: Plan
    chain: Chain
    node: Served
    stripe: ServedStripe
    clock: VirtualClock
    wallets: Wallets
    settings: Path
    """Where commands find settings for this sandbox."""

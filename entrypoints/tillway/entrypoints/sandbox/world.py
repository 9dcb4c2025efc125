"""The sandbox put together: a chain, a funded shop and a gateway on one clock."""

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import yaml
from attrs import define, field, frozen
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.sandbox.catalogue import COUPONS, RESOURCES
from tillway.entrypoints.sandbox.chain import STABLECOINS, Chain, Served, fund, load, save, serve_chain
from tillway.entrypoints.sandbox.clock import VirtualClock

CLUSTER = "devnet"
_SPONSOR_LAMPORTS = 10_000_000_000
_CHAIN_FILE, _KEYS_FILE = "chain.bin", "wallets.yaml"


@frozen(kw_only=True)
class Plan:
    """How a sandbox is to be. ``data_dir`` None: everything is forgotten at the end."""

    host: str = "127.0.0.1"
    port: int = 8080
    rpc_port: int = 8899
    data_dir: Path | None = None
    settings: Mapping[str, object] = {}


@frozen(kw_only=True)
class Wallets:
    """The shop's two wallets: the one that is paid, and the one that pays network fees."""

    merchant: Keypair = field(repr=False)
    sponsor: Keypair = field(repr=False)


@define(kw_only=True)
class World:
    """A running sandbox, whose gateway is not yet served."""

    plan: Plan
    chain: Chain
    node: Served
    clock: VirtualClock
    wallets: Wallets
    gateway: Gateway


@asynccontextmanager
async def world(plan: Plan) -> AsyncIterator[World]:
    """Build a sandbox; on leaving, keep it in its data folder if it has one.

    Raises OSError if a port is taken or the data folder cannot be written.
    """
    from tillway.entrypoints.sandbox.api import sandbox_api

    clock = VirtualClock()
    async with AsyncExitStack() as stack:
        data = plan.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data.mkdir(parents=True, exist_ok=True)
        wallets, chain = _wallets(data), _chain(data, clock)
        if plan.data_dir:
            stack.callback(save, chain, data / _CHAIN_FILE)
        node = await stack.enter_async_context(serve_chain(chain, plan.host, plan.rpc_port))
        _fund_shop(chain, wallets)
        made = World.__new__(World)
        settings = _settings(plan, data, wallets, node)
        ports = Ports(clock=clock, apis=(sandbox_api(lambda: made),))
        made.__init__(  # type: ignore[misc]  # its own gateway shows it
            plan=plan,
            chain=chain,
            node=node,
            clock=clock,
            wallets=wallets,
            gateway=create_app(settings, ports=ports),
        )
        yield made

"""The sandbox put together: a chain, a funded shop and a gateway on one clock."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import yaml
from attrs import frozen
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import Configured, configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.sandbox.api import sandbox_api
from tillway.entrypoints.sandbox.catalogue import COUPONS, RESOURCES
from tillway.entrypoints.sandbox.chain import STABLECOINS, Chain, fund, load, save, serve_chain
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.entrypoints.sandbox.stage import CLUSTER, Plan, Stage, Wallets

_SPONSOR_LAMPORTS = 10_000_000_000
_CHAIN_FILE, _KEYS_FILE = "chain.bin", "wallets.yaml"


@frozen(kw_only=True)
class World:
    """A running sandbox, whose gateway is not yet served."""

    stage: Stage
    gateway: Gateway


@asynccontextmanager
async def world(plan: Plan) -> AsyncIterator[World]:
    """Build a sandbox; on leaving, keep it in its data folder if it has one.

    Raises OSError if a port is taken or the data folder cannot be written.
    """
    clock = VirtualClock()
    async with AsyncExitStack() as stack:
        data = plan.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data.mkdir(parents=True, exist_ok=True)
        wallets, chain = _wallets(data), _chain(data, clock)
        if plan.data_dir:
            stack.callback(save, chain, data / _CHAIN_FILE)
        node = await stack.enter_async_context(serve_chain(chain, plan.host, plan.rpc_port))
        stage = Stage(plan=plan, chain=chain, node=node, clock=clock, wallets=wallets)
        _fund_shop(stage)
        settings = _settings(stage, data)
        gateway = create_app(settings, ports=Ports(clock=clock, apis=(sandbox_api(stage),)))
        yield World(stage=stage, gateway=gateway)


def _chain(data: Path, clock: VirtualClock) -> Chain:
    kept = data / _CHAIN_FILE
    if kept.exists():
        return load(kept.read_bytes(), clock.seconds)
    return Chain(clock=clock.seconds, cluster=CLUSTER)


def _wallets(data: Path) -> Wallets:
    file = data / _KEYS_FILE
    if not file.exists():
        fresh = {name: str(Keypair()) for name in ("merchant", "sponsor")}
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            yaml.safe_dump(fresh, out)
    kept = yaml.safe_load(file.read_text())
    pairs = {name: Keypair.from_base58_string(text) for name, text in kept.items()}
    return Wallets(merchant=pairs["merchant"], sponsor=pairs["sponsor"])


def _fund_shop(stage: Stage) -> None:
    """Give the shop its token accounts, and its sponsor the SOL for the buyers' fees."""
    merchant = stage.wallets.merchant.pubkey()
    for coin in STABLECOINS[CLUSTER]:
        fund(stage.chain, merchant, coin.mint)
    sponsor = stage.wallets.sponsor.pubkey()
    missing = _SPONSOR_LAMPORTS - _lamports(stage.chain, sponsor)
    fund(stage.chain, sponsor, lamports=max(0, missing))


def _lamports(chain: Chain, owner: Pubkey) -> int:
    account = chain.account(owner)
    return account.lamports if account else 0


def _settings(stage: Stage, data: Path) -> Configured:
    plan, wallets = stage.plan, stage.wallets
    text = yaml.safe_dump(
        {
            "server": {"address": f"{plan.host}:{plan.port}"},
            "logging": {"environment": "development", "format": "console", "level": "warn"},
            "storage": {"backend": "file", "file_path": str(data / "tillway.db")},
            "x402": {
                "payment_address": str(wallets.merchant.pubkey()),
                "token_mint": str(STABLECOINS[CLUSTER][0].mint),
                "network": CLUSTER,
                "rpc_url": stage.node.rpc_url,
                "ws_url": stage.node.ws_url,
                "gasless_enabled": True,
            },
            "paywall": {"resources": dict(RESOURCES)},
            "coupons": {"coupons": dict(COUPONS)},
            **plan.settings,
        }
    )
    return configure(text, {"X402_SERVER_WALLET_1": str(wallets.sponsor)})

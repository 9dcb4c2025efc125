"""The sandbox put together: a chain, a Stripe account, a shop and a gateway on one clock."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import yaml
from attrs import frozen
from solders.pubkey import Pubkey

from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import Configured, configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.processes.failures import CannotStart
from tillway.entrypoints.sandbox.api import sandbox_api
from tillway.entrypoints.sandbox.cards import cards
from tillway.entrypoints.sandbox.catalogue import COUPONS, RESOURCES
from tillway.entrypoints.sandbox.chain import STABLECOINS, Chain, Served, fund, serve_chain
from tillway.entrypoints.sandbox.folder import Folder, Keeper, Pieces, folder
from tillway.entrypoints.sandbox.stage import CLUSTER, OPERATOR_KEY, Plan, Stage
from tillway.entrypoints.sandbox.stripe import Served as ServedStripe
from tillway.entrypoints.sandbox.stripe import serve_stripe

_SHOP_LAMPORTS: Final = 10_000_000_000


@frozen(kw_only=True)
class World:
    """A running sandbox, whose gateway is not yet served."""

    stage: Stage
    gateway: Gateway


@asynccontextmanager
async def world(plan: Plan) -> AsyncIterator[World]:
    """Build a sandbox; with a data folder, it is there again the next time.

    Raises CannotStart if a port is taken, or the data folder cannot be used.
    """
    async with AsyncExitStack() as stack:
        data = stack.enter_context(folder(plan.data_dir))
        clock, wallets = data.clock(), data.wallets()
        pieces = Pieces(chain=data.chain(clock), account=data.account(clock), clock=clock)
        if plan.data_dir:
            await stack.enter_async_context(_kept(data, pieces))
        node = await stack.enter_async_context(_served(pieces.chain, plan))
        stripe = await stack.enter_async_context(_served_stripe(pieces, plan))
        stage = Stage(
            plan=plan,
            chain=pieces.chain,
            node=node,
            stripe=stripe,
            clock=clock,
            wallets=wallets,
            settings=data.settings.absolute(),
        )
        _fund_shop(stage)
        settings = _settings(stage, data)
        gateway = create_app(settings, clock=clock, apis=(sandbox_api(stage),))
        yield World(stage=stage, gateway=gateway)


@asynccontextmanager
async def _kept(data: Folder, pieces: Pieces) -> AsyncIterator[None]:
    """Save from time to time, and once more at the end."""
    keeping = asyncio.create_task(Keeper(data, pieces).run(), name="keeper")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        data.save(pieces)


@asynccontextmanager
async def _served(chain: Chain, plan: Plan) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        try:
            served = await stack.enter_async_context(serve_chain(chain, plan.host, plan.rpc_port))
        except OSError as error:
            message = f"cannot serve the chain on {error.strerror}; choose another --rpc-port"
            raise CannotStart(message) from error
        yield served


@asynccontextmanager
async def _served_stripe(pieces: Pieces, plan: Plan) -> AsyncIterator[ServedStripe]:
    async with AsyncExitStack() as stack:
        serving = serve_stripe(
            pieces.account, plan.host, plan.stripe_port, sleep=pieces.clock.sleep
        )
        try:
            served = await stack.enter_async_context(serving)
        except OSError as error:
            message = f"cannot serve Stripe on {error.strerror}; choose another --stripe-port"
            raise CannotStart(message) from error
        yield served


def _fund_shop(stage: Stage) -> None:
    """Give the shop its token accounts, and SOL for the fees of buyers and of refunds."""
    merchant = stage.wallets.merchant.pubkey()
    for coin in STABLECOINS[CLUSTER]:
        fund(stage.chain, merchant, coin.mint)
    for wallet in (merchant, stage.wallets.sponsor.pubkey()):
        missing = _SHOP_LAMPORTS - _lamports(stage.chain, wallet)
        fund(stage.chain, wallet, lamports=max(0, missing))


def _lamports(chain: Chain, owner: Pubkey) -> int:
    account = chain.account(owner)
    return account.lamports if account else 0


def _settings(stage: Stage, data: Folder) -> Configured:
    sections, wallets = _sections(stage, data), stage.wallets
    configured = configure(
        yaml.safe_dump(sections),
        {
            "X402_SERVER_WALLET_1": str(wallets.sponsor),
            "X402_REFUND_WALLET": str(wallets.merchant),
        },
    )
    # Commands look on: they have no wallets, without which nothing is sponsored.
    x402 = {name: value for name, value in sections["x402"].items() if name != "gasless_enabled"}
    data.describe({**sections, "x402": x402})
    return configured


def _sections(stage: Stage, data: Folder) -> Mapping[str, Any]:
    plan, wallets = stage.plan, stage.wallets
    return {
        "server": {"address": f"{plan.host}:{plan.port}", "admin_api_key": OPERATOR_KEY},
        "logging": {"environment": "development", "format": "console", "level": "warn"},
        "storage": {"backend": "file", "file_path": str(data.database.absolute())},
        "x402": {
            "payment_address": str(wallets.merchant.pubkey()),
            "token_mint": str(STABLECOINS[CLUSTER][0].mint),
            "network": CLUSTER,
            "rpc_url": stage.node.rpc_url,
            "ws_url": stage.node.ws_url,
            "gasless_enabled": True,
        },
        **cards(stage),
        "subscriptions": {"enabled": True},
        "paywall": {"resources": dict(RESOURCES)},
        "coupons": {"coupons": dict(COUPONS)},
        **plan.settings,
    }

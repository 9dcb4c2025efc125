"""Stablecoins on Solana, by every version of x402."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from tillway.core.observations import RpcCalled
from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import Rail
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.registry import PluginError
from tillway.plugins.settings.breakers import BreakerSettings
from tillway.plugins.settings.x402 import X402Settings

if TYPE_CHECKING:
    from solders.keypair import Keypair

    from tillway.adapters.x402.config import RailConfig
    from tillway.adapters.x402.endpoints import Http
    from tillway.adapters.x402.queue import Queue
    from tillway.adapters.x402.rail import SolanaRail
    from tillway.adapters.x402.rpc import Rpc
    from tillway.adapters.x402.settle import Sender
    from tillway.adapters.x402.wallets import Wallets

PLUGIN = Plugin(
    kind=Kind.RAIL,
    name="x402",
    summary="stablecoins on Solana, by x402 v0, v1 and v2",
    section="x402",
    settings=X402Settings,
    extra="solana",
)


@hookimpl
def tillway_rails(context: Context) -> Sequence[Rail]:
    """Give the rail, not yet connected."""
    return [_rail(context.section("x402", X402Settings), context)]


def _rail(settings: X402Settings, context: Context) -> SolanaRail:
    from tillway.adapters.x402.confirm import Confirmations
    from tillway.adapters.x402.endpoints import Http
    from tillway.adapters.x402.payout import PayoutLimits
    from tillway.adapters.x402.rail import SolanaRail
    from tillway.adapters.x402.settle import Sender
    from tillway.adapters.x402.subscriptions import Subscriptions
    from tillway.adapters.x402.wallets import Wallets

    clock, http = context.clock, Http()
    rpc = _rpc(settings, context, http)
    hints = Subscriptions(http=http, clock=clock, commitment=rpc.commitment, url=settings.ws_url)
    confirmations = Confirmations(
        rpc=rpc, clock=clock, hints=hints, interval=settings.confirm_poll.total_seconds()
    )
    wallets = Wallets(keys=_keypairs(settings), rpc=rpc, clock=clock)
    sender = Sender(
        rpc=rpc,
        clock=clock,
        confirmations=confirmations,
        queue=_queue(settings, clock),
        sponsors=wallets,
        skip_preflight=settings.skip_preflight,
    )
    refunds = _refund_key(settings)
    config = _config(settings, refunds)
    return SolanaRail(
        refund_key=refunds,
        refund_limits=PayoutLimits(one=settings.refund_most, day=settings.refund_most_a_day),
        config=config,
        rpc=rpc,
        wallets=wallets,
        sender=sender,
        clock=clock,
        parts=(
            _Part(close=http.aclose),
            _Part(close=hints.aclose),
            _Part(close=confirmations.aclose),
            wallets,
            _Part(open=lambda: _provide(settings, config, rpc, wallets, sender)),
        ),
    )


def _queue(settings: X402Settings, clock: Clock) -> Queue:
    from tillway.adapters.x402.queue import Queue

    return Queue(
        clock=clock,
        min_gap=settings.tx_queue_min_time_between.total_seconds(),
        most_in_flight=settings.tx_queue_max_in_flight,
    )


def _keypairs(settings: X402Settings) -> Sequence[Keypair]:
    from tillway.adapters.x402.wallets import BadKey, read_keypairs

    try:
        return read_keypairs([key.reveal() for key in settings.server_wallet_keys])
    except BadKey as error:
        raise PluginError(str(error)) from None


def _refund_key(settings: X402Settings) -> Keypair | None:
    from tillway.adapters.x402.payout import VARIABLE
    from tillway.adapters.x402.wallets import BadKey, read_keypair

    if not settings.refund_wallet:
        return None
    try:
        return read_keypair(settings.refund_wallet.reveal(), VARIABLE)
    except BadKey as error:
        raise PluginError(str(error)) from None


async def _nothing() -> None:
    """Do nothing: a part has no work at one of its ends."""


@frozen(kw_only=True)
class _Part:
    """Something that only wants opening, or only closing."""

    open: Callable[[], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing

    async def start(self) -> None:
        await self.open()

    async def aclose(self) -> None:
        await self.close()


async def _provide(
    settings: X402Settings, config: RailConfig, rpc: Rpc, wallets: Wallets, sender: Sender
) -> None:
    """Create our receiving token account if that is configured and it is missing."""
    from tillway.adapters.x402.networks import CAIP2
    from tillway.adapters.x402.provision import Wanted, provide
    from tillway.core.payments import Chain

    if not settings.auto_create_token_account:
        return
    token = config.tokens[settings.token]
    wanted = Wanted(owner=config.owner, mint=token.mint, program=token.program)
    chain = Chain(CAIP2[config.network])
    await provide(wanted, rpc=rpc, wallets=wallets, sends=sender, chain=chain)


def _rpc(settings: X402Settings, context: Context, http: Http) -> Rpc:
    from tillway.adapters.guarded import Guard, breaker
    from tillway.adapters.x402.answers import Level
    from tillway.adapters.x402.endpoints import Endpoints, Node
    from tillway.adapters.x402.rpc import Rpc
    from tillway.plugins.tripping import tripping

    def observe(method: str, seconds: float, error: str | None) -> None:
        context.observe(
            RpcCalled(method=method, network=settings.network, seconds=seconds, error=error)
        )

    nodes = tuple(
        Node(label=f"node {number}", http=http, url=url, observe=observe)
        for number, url in enumerate(settings.endpoints, start=1)
    )
    breakers = context.section("circuit_breaker", BreakerSettings)
    chosen = tripping(breakers.solana_rpc) if breakers.enabled else None
    guard = Guard(
        sleep=context.clock.sleep, breaker=breaker("solana_rpc", chosen) if chosen else None
    )
    return Rpc(
        calls=Endpoints(nodes=nodes),
        clock=context.clock,
        commitment=Level(settings.commitment),
        guard=guard,
    )


def _config(settings: X402Settings, refunds: Keypair | None) -> RailConfig:
    from tillway.adapters.x402.config import RailConfig, Sponsoring

    sponsor = settings.sponsor
    return RailConfig(
        network=settings.cluster,
        payment_address=settings.payment_address,
        assets=tuple(settings.assets),
        gasless=settings.gasless_enabled,
        auto_create_token_account=settings.auto_create_token_account,
        memo_prefix=settings.memo_prefix,
        compute_unit_limit=settings.compute_unit_limit,
        compute_unit_price=settings.compute_unit_price_micro_lamports,
        refunders=() if refunds is None else (bytes(refunds.pubkey()),),
        sponsoring=Sponsoring(
            most_units=sponsor.max_compute_units,
            most_unit_price=sponsor.max_microlamports_per_unit,
            most_lamports=sponsor.max_lamports,
            lamports_per_hour=sponsor.lamports_per_hour,
            landed_failures_per_hour=sponsor.landed_failures_per_hour,
            sol_usd=sponsor.sol_usd,
            minimum_cost_multiple=sponsor.minimum_cost_multiple,
            exclusive=sponsor.exclusive,
        ),
    )

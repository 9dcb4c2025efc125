"""The sandbox's own routes: what there is, money out of nothing, and the clock."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from aiohttp import web
from attrs import define, frozen
from solders.pubkey import Pubkey

from tillway.core.errors import Code, Declined, Fault
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import origin
from tillway.entrypoints.http.wire import wire
from tillway.entrypoints.sandbox.chain import STABLECOINS, fund
from tillway.entrypoints.sandbox.stage import CLUSTER, OPERATOR_KEY, Stage
from tillway.plugins.api import Answer, Api, Handler, Pace, Route

_LAMPORTS = 9
_TOKEN_DECIMALS = 6
_MOST = Decimal(10**9)
_LONGEST_STEP = 366 * 24 * 3600


@frozen(kw_only=True)
class FundRequest:
    """What a wallet is given. Amounts are decimal texts in major units: ``"10.50"``."""

    wallet: str = wire(missing="wallet is required", longest=64)
    amount: str = wire(default="0", longest=32)
    asset: str = wire(default="USDC", longest=16)
    sol: str = wire(default="0", longest=32)


@frozen(kw_only=True)
class ClockRequest:
    """By how many seconds the clock moves forward."""

    forward_seconds: int = wire(missing="forwardSeconds is required", least=0, most=_LONGEST_STEP)


def sandbox_api(stage: Stage) -> Api:
    """Give the face of a sandbox."""

    def routes(_: Services) -> Sequence[Route]:
        return _routes(stage)

    return Api(name="sandbox", routes=routes)


def _routes(stage: Stage) -> Sequence[Route]:
    return [
        _route("GET", "/sandbox", _About(stage).handle, "describe_sandbox", "What there is"),
        _route("POST", "/sandbox/fund", _Fund(stage).handle, "fund", "Fund a wallet", FundRequest),
        _route(
            "POST", "/sandbox/clock", _Clock(stage).handle, "move_clock", "Move on", ClockRequest
        ),
    ]


def _route(
    method: str,
    path: str,
    handler: Handler,
    name: str,
    summary: str,
    body: type | None = None,
) -> Route:
    return Route(
        method=method,
        path=path,
        handler=handler,
        name=name,
        summary=summary,
        body=body,
        pace=Pace.LIGHT,
        prefix=False,
        answers=(Answer(status=200, description="Done."),),
    )


def about(stage: Stage, address: str) -> dict[str, object]:
    """Describe a sandbox whose gateway is at an address."""
    return {
        "rpc_url": stage.node.rpc_url,
        "ws_url": stage.node.ws_url,
        "stripe_url": stage.stripe.url,
        "network": CLUSTER,
        "mints": {coin.code: str(coin.mint) for coin in STABLECOINS[CLUSTER]},
        "merchant": str(stage.wallets.merchant.pubkey()),
        "sponsor": str(stage.wallets.sponsor.pubkey()),
        "operator_key": OPERATOR_KEY,
        "settings": str(stage.settings),
        "time": stage.clock.now().isoformat(),
        "try": lines_to_try(address),
    }


def lines_to_try(address: str, program: str = "tillway") -> list[str]:
    """Give commands that show what the sandbox does; ``program`` is how Tillway is called."""
    return [
        f"{program} pay {address}/paywall/demo-article",
        f"curl -i {address}/paywall/demo-article",
        f"curl {address}/paywall/v1/products",
        f"curl -i '{address}/paywall/demo-article?couponCode=ONTHEHOUSE'",
        f'curl -d \'{{"resource":"demo-mug"}}\' {address}/paywall/v1/stripe-session',
        f"curl {address}/sandbox",
    ]


@define
class _About:
    stage: Stage

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return answer(about(self.stage, origin(request)))


@define
class _Fund:
    stage: Stage

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await body_of(request, FundRequest)
        owner = _wallet(asked.wallet)
        coin = next((c for c in STABLECOINS[CLUSTER] if c.code == asked.asset), None)
        if coin is None:
            known = ", ".join(each.code for each in STABLECOINS[CLUSTER])
            raise _wrong("asset", f"must be one of {known}")
        amount = _minor("amount", asked.amount, _TOKEN_DECIMALS)
        lamports = _minor("sol", asked.sol, _LAMPORTS)
        try:
            account = fund(self.stage.chain, owner, coin.mint, amount, lamports)
        except ValueError:
            raise _wrong("wallet", "has more than the chain can count") from None
        return answer({"wallet": asked.wallet, "tokenAccount": str(account)})


@define
class _Clock:
    stage: Stage

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await body_of(request, ClockRequest)
        self.stage.clock.forward(timedelta(seconds=asked.forward_seconds))
        self.stage.chain.tick()
        return answer({"time": self.stage.clock.now().isoformat()})


def _wallet(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise _wrong("wallet", "must be a base58 address of 32 bytes") from None


def _minor(field: str, text: str, decimals: int) -> int:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise _wrong(field, "must be a decimal number") from None
    if not amount.is_finite() or not 0 <= amount <= _MOST:
        raise _wrong(field, f"must be from 0 to {_MOST}")
    return int(amount.scaleb(decimals))


def _wrong(field: str, text: str) -> Declined:
    return Declined.for_faults([Fault(field=field, message=f"{field} {text}")], Code.INVALID_FIELD)

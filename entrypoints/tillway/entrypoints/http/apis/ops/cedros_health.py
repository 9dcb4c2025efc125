"""GET /cedros-health: how clients of the Cedros API learn the route prefix."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from aiohttp import web
from attrs import define

from tillway.core.ports.rails import WalletHealth
from tillway.entrypoints.http.apis.ops.health import Checkup, Vitals
from tillway.entrypoints.http.config import CONFIG, HttpConfig
from tillway.entrypoints.http.render import answer

GASLESS = "gasless"


@define
class CedrosHealth:
    """Tell how the gateway is, always with 200: clients take any other status for no answer."""

    checkup: Checkup

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200; `degraded` says that something needs an operator."""
        vitals = await self.checkup.vitals()
        return answer(report(vitals, self.checkup.began, request.app[CONFIG]))


def report(vitals: Vitals, began: datetime, config: HttpConfig) -> dict[str, object]:
    """Write the body; what is empty is left out."""
    features = list(dict.fromkeys(_features(vitals)))
    body: dict[str, object] = {
        "status": "ok" if vitals.sound else "degraded",
        "uptime": go_duration(vitals.at - began),
        "timestamp": vitals.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "rpcHealthy": vitals.rails_reachable,
        "network": _network(vitals),
        "version": config.version,
    }
    if config.route_prefix:
        body["routePrefix"] = config.route_prefix
    if features:
        body["features"] = features
    if GASLESS in features:
        body["walletHealth"] = _wallets(
            [wallet for health in vitals.rails.values() for wallet in health.wallets]
        )
    return body


def go_duration(length: timedelta) -> str:
    """Write a duration as Go does: `12h30m45.1s`, `1m0s`, `0s`; below a second, in ms or µs."""
    micros = max(0, round(length / timedelta(microseconds=1)))
    if micros < 1_000_000:
        return _below_a_second(micros)
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_trimmed(rest, 1_000_000)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _below_a_second(micros: int) -> str:
    if micros == 0:
        return "0s"
    return f"{_trimmed(micros, 1000)}ms" if micros >= 1000 else f"{micros}µs"


def _trimmed(count: int, unit: int) -> str:
    whole, part = divmod(count, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _features(vitals: Vitals) -> Iterator[str]:
    for health in vitals.rails.values():
        yield from health.features


def _network(vitals: Vitals) -> str:
    named = (health.facts.get("network", "") for health in vitals.rails.values())
    return next((network for network in named if network), "")


def _wallets(wallets: Sequence[WalletHealth]) -> dict[str, object]:
    counts = Counter(str(wallet.status) for wallet in wallets)
    known = {status: counts[status] for status in ("healthy", "unhealthy", "critical")}
    return {
        "summary": {**known, "total": len(wallets)},
        "wallets": [_wallet(wallet) for wallet in wallets],
    }


def _wallet(wallet: WalletHealth) -> dict[str, object]:
    shown: dict[str, object] = {
        "publicKey": wallet.address,
        "balance": wallet.balance,
        "status": str(wallet.status),
        "lastChecked": wallet.checked_at,
    }
    return {**shown, "error": wallet.error} if wallet.error else shown

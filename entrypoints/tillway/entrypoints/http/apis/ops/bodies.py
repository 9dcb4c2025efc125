"""What the operators' routes answer, in their own words."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from tillway.entrypoints.http.wire import wire


@frozen(kw_only=True)
class WalletSummary:
    """How many wallets are how well."""

    healthy: int
    unhealthy: int
    critical: int
    total: int


@frozen(kw_only=True)
class WalletState:
    """One wallet that pays fees. Only the first characters of its address are shown."""

    public_key: str
    balance: str = wire(doc="SOL, with six decimals", example="0.123456")
    status: str
    last_checked: str = wire(format="date-time")
    error: str | None = None


@frozen(kw_only=True)
class WalletReport:
    """The wallets that pay fees."""

    summary: WalletSummary
    wallets: Sequence[WalletState]


@frozen(kw_only=True)
class Health:
    """How the gateway is. Clients read ``routePrefix`` here."""

    status: str = wire(doc="`ok` or `degraded`", example="ok")
    uptime: str = wire(example="12h30m45.1s")
    timestamp: str = wire(format="date-time")
    rpc_healthy: bool
    network: str
    version: str
    route_prefix: str | None = None
    features: Sequence[str] | None = None
    wallet_health: WalletReport | None = None


@frozen(kw_only=True)
class Alive:
    """The process answers."""

    status: str


@frozen(kw_only=True)
class Ready:
    """What has to answer before payments can be taken."""

    status: str
    store: bool
    rails: Mapping[str, bool]

"""The sections that the gateway itself reads, and all that are built in."""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.entrypoints.http.addresses import origins_in
from tillway.plugins.rules import between, distinct, each, is_blank, is_host, long_secret, positive
from tillway.plugins.setting import Alias, setting
from tillway.plugins.settings.breakers import BreakerSettings
from tillway.plugins.settings.callbacks import CallbackSettings
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.limits import ApiKeySettings, RateLimitSettings
from tillway.plugins.settings.monitoring import MonitoringSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.refunds import RefundSettings
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.stripe import StripeSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings
from tillway.plugins.settings.x402 import X402Settings

_ORIGIN: Final = re.compile(r"https?://(\*\.)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_MOST_PORT: Final = 65_535


def _address(text: str) -> str | None:
    host, colon, port = text.rpartition(":")
    numbered = port.isascii() and port.isdecimal() and int(port) <= _MOST_PORT
    if colon and numbered and (not host or is_host(host.strip("[]"))):
        return None
    return "must be a host and a port, such as :8080 or 127.0.0.1:8080"


def _origin(text: str) -> str | None:
    right = text == "*" or _ORIGIN.fullmatch(text)
    return None if right else "must be an origin such as https://shop.example, or *"


def _tidy_prefix(text: str) -> str:
    path = text.strip()
    return (path if not path or path.startswith("/") else f"/{path}").removesuffix("/")


def _prefix(text: str) -> str | None:
    right = _PREFIX.fullmatch(text) and not {".", ".."} & set(text.split("/"))
    return None if right else "must be a path of letters, digits, dots, dashes and underscores"


def _public(text: str) -> str | None:
    try:
        origins_in(text)
    except ValueError as fault:
        return str(fault)
    return None


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError("must be an address, or a network such as 10.0.0.0/8") from None


@frozen(kw_only=True)
class ServerSettings:
    """The HTTP server."""

    address: str = setting(
        default=":8080",
        env="CEDROS_SERVER_ADDRESS",
        aliases=(
            Alias(name="SERVER_ADDRESS"),
            Alias(name="PORT", adapt=lambda port: f":{port}"),
        ),
        unset_when=is_blank,
        rules=(_address,),
        doc="Host and port; without a host, all of the machine's addresses.",
    )
    public_url: tuple[str, ...] = setting(
        default=(),
        shape=str,
        convert=origins_in,
        env="CEDROS_SERVER_PUBLIC_URL",
        aliases=(Alias(name="SERVER_PUBLIC_URL"),),
        unset_when=is_blank,
        rules=(_public,),
        doc="Our own address, such as `https://pay.example.com`; several with commas between, the "
        "main one first. Every address in offers, pages and subscribers' words begins with the one "
        "that was asked, or with the main one, whatever a client or a proxy calls us. Without one "
        "that is the client's word, and subscribers' words are refused, except in development at "
        "`localhost`.",
    )
    read_timeout: timedelta = setting(
        default=timedelta(seconds=15),
        env=None,
        rules=(positive,),
        doc="How long a request may take to arrive.",
    )
    write_timeout: timedelta = setting(
        default=timedelta(seconds=130),
        env=None,
        rules=(positive,),
        doc="How long an answer may take.",
    )
    idle_timeout: timedelta = setting(
        default=timedelta(seconds=60),
        env=None,
        rules=(positive,),
        doc="How long a connection stays open without a request.",
    )
    cors_allowed_origins: tuple[str, ...] = setting(
        default=(),
        env="CORS_ALLOWED_ORIGINS",
        rules=(each(_origin),),
        doc="Origins whose pages may call the gateway; none means no CORS.",
    )
    route_prefix: str = setting(
        default="",
        env="CEDROS_ROUTE_PREFIX",
        aliases=(Alias(name="ROUTE_PREFIX"),),
        tidy=_tidy_prefix,
        rules=(_prefix,),
        doc="Stands before the routes: `/api`.",
    )
    admin_metrics_api_key: Secret | None = setting(
        default=None,
        env="CEDROS_ADMIN_METRICS_API_KEY",
        aliases=(Alias(name="ADMIN_METRICS_API_KEY"),),
        doc="Opens `/metrics`; without one it is open, except in production, where it is shut.",
    )
    admin_api_key: Secret | None = setting(
        default=None,
        env="TILLWAY_SERVER_ADMIN_API_KEY",
        rules=(long_secret,),
        doc="Whoever sends it (`Authorization: Bearer ...`) is the operator: refunds, other "
        "people's subscriptions, all purchases. Without one, nobody is by a key.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = setting(
        default=(),
        parse=_network,
        doc="Proxies whose word on the client's address is believed.",
    )
    workers: int = setting(
        default=1, rules=(between(1, 256),), doc="Processes that share the port."
    )

    @property
    def host(self) -> str:
        """Give the host to listen on, empty for all."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Give the port to listen on; 0 lets the system choose."""
        return int(self.address.rpartition(":")[2])


@frozen(kw_only=True)
class LoggingSettings:
    """What is logged, and how."""

    level: Literal["debug", "info", "warn", "error"] = setting(
        default="info",
        env="CEDROS_LOGGING_LEVEL",
        aliases=(Alias(name="LOG_LEVEL"),),
        synonyms={"warning": "warn"},
        doc="The least grave that is logged.",
    )
    format: Literal["json", "console"] = setting(
        default="json", env=None, doc="One JSON object a line, or text for people."
    )
    environment: Literal["production", "staging", "development"] = setting(
        default="production",
        env=None,
        doc="Where the gateway runs. Production refuses what is convenient but not safe.",
    )


@frozen(kw_only=True)
class QuoteSettings:
    """The keys that seal quotes."""

    keys: tuple[Secret, ...] = setting(
        default=(),
        env="TILLWAY_QUOTE_KEYS",
        rules=(each(long_secret), distinct),
        doc="The first seals, all open: put a new one first and keep the old one for a day. "
        "Without any, a key is made at first start and kept in the store.",
    )


@frozen(kw_only=True)
class LedgerSettings:
    """The sealed log of facts and ledger entries."""

    seal_key: Secret | None = setting(
        default=None,
        env="TILLWAY_LEDGER_SEAL_KEY",
        rules=(long_secret,),
        doc="Signs the heads of the log, which are published as events. Keep it out of the "
        "database. Without it the log is sealed, and its heads are not published.",
    )
    head_interval: timedelta = setting(
        default=timedelta(minutes=1),
        env="TILLWAY_LEDGER_HEAD_INTERVAL",
        rules=(positive,),
        doc="How long a tenant's log grows before its next head is published.",
    )


BUILT_IN: Final[Mapping[str, type]] = MappingProxyType(
    {
        "server": ServerSettings,
        "logging": LoggingSettings,
        "storage": StorageSettings,
        "quotes": QuoteSettings,
        "ledger": LedgerSettings,
        "x402": X402Settings,
        "stripe": StripeSettings,
        "paywall": PaywallSettings,
        "coupons": CouponSettings,
        "subscriptions": SubscriptionSettings,
        "refunds": RefundSettings,
        "callbacks": CallbackSettings,
        "monitoring": MonitoringSettings,
        "rate_limit": RateLimitSettings,
        "api_key": ApiKeySettings,
        "circuit_breaker": BreakerSettings,
    }
)
"""Every section that Tillway brings, by name."""

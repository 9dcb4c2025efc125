"""What the HTTP shell is told, and the keys under which an application holds it."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from attrs import define, field, frozen

from tillway.core.secrets import Secret
from tillway.entrypoints.http.addresses import Addresses
from tillway.plugins.api import Route

MEBIBYTE: Final = 1024 * 1024


@frozen(kw_only=True)
class HttpConfig:
    """Settings of the shell, already checked.

    ``route_prefix`` is empty or starts with a slash and does not end with one. ``origins`` may
    call from browsers; without any there is no CORS, `*` is everybody. ``trusted_proxies`` are
    addresses or networks. ``tls`` says that this process itself ends TLS. ``metrics_key`` opens
    `/metrics`; without it that is open outside production and shut in it. ``admin_key`` shows who
    the operator is; without it nobody is by a key. ``public_urls`` are our own addresses.
    """

    environment: str = "production"
    version: str = ""
    route_prefix: str = ""
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    light_seconds: float = 5
    payment_seconds: float = 60
    body_bytes: int = MEBIBYTE
    tls: bool = False
    metrics_key: Secret | None = None
    admin_key: Secret | None = None
    public_urls: tuple[str, ...] = ()
    addresses: Addresses = field(init=False, repr=False, eq=False)

    @addresses.default
    def _read_addresses(self) -> Addresses:
        return Addresses.of(self.public_urls, development=self.environment == "development")

    @property
    def production(self) -> bool:
        """Tell whether strangers' money is at stake."""
        return self.environment == "production"


@define
class Drain:
    """Whether the process is on its way out: it finishes what it has and wants no more."""

    begun: bool = field(default=False, init=False)

    def begin(self) -> None:
        """Say so, before the listening socket is closed. A repeat does nothing."""
        self.begun = True


@define(eq=False)
class Served:
    """The routes of an application, and where each is found."""

    routes: Sequence[tuple[str, Route]]
    """Full paths, as aiohttp writes them, with their routes, in the order of serving."""
    document: bytes | None = field(default=None, init=False)
    """The OpenAPI document once it has been asked for."""


CONFIG: Final = web.AppKey("config", HttpConfig)
DRAIN: Final = web.AppKey("drain", Drain)
SERVED: Final = web.AppKey("served", Served)

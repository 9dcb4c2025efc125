"""A gateway with rails that say what tests want, served on loopback."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import yaml
from attrs import define, field

from support.shell import Client, serving
from tillway.adapters.stores.memory.store import MemoryStore
from tillway.core.catalog import Product
from tillway.core.errors import Unavailable
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.rails import Destination, Offer, Rail, RailHealth, Shown
from tillway.core.ports.store import Store, UnitOfWork, View
from tillway.core.quotes import Quote
from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway

RESOURCES = {
    "a-book": {
        "description": "A <book>",
        "crypto_atomic_amount": 50_000,
        "crypto_token": "USDC",
        "fiat_amount_cents": 1250,
        "metadata": {"shelf": "3"},
    },
    "mug two/three".replace("/", "?"): {"fiat_amount_cents": 999},
}
FACTS = {"network": "devnet", "paymentAddress": "PaYmE", "tokenMint": "MiNt"}
REACHABLE = RailHealth(reachable=True, facts=FACTS)


@define
class SayingRail:
    """A rail that sells nothing and is as well as it is told to be."""

    health_said: RailHealth | Exception = REACHABLE
    name: str = "x402"
    method: str = "x402"
    asked: int = field(default=0, init=False)

    def sells(self, product: Product) -> Destination | None:
        """Sell nothing."""
        return None

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Offer nothing: nobody asks, since nothing is sold."""
        raise AssertionError("nothing is sold here")

    async def health(self) -> RailHealth:
        """Say what was set, and count."""
        self.asked += 1
        if isinstance(self.health_said, Exception):
            raise self.health_said
        return self.health_said


@define
class LeavingStore:
    """A store in memory that can be told to be away."""

    inner: MemoryStore = field(factory=MemoryStore)
    away: bool = False

    def begin(self, *, once: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work, or fail."""
        self._refuse()
        return self.inner.begin(once=once)

    def view(self, *, once: bool = False) -> AbstractAsyncContextManager[View]:
        """Open a view, or fail."""
        self._refuse()
        return self.inner.view(once=once)

    async def start(self) -> None:
        """Open."""
        await self.inner.start()

    async def aclose(self) -> None:
        """Close."""
        await self.inner.aclose()

    def _refuse(self) -> None:
        if self.away:
            raise Unavailable


@define
class Place:
    """A gateway that is served, and who asks it."""

    gateway: Gateway
    client: Client


@asynccontextmanager
async def faces(
    *rails: Rail,
    catalogue: Catalogue | None = None,
    store: Store | None = None,
    **sections: Any,
) -> AsyncIterator[Place]:
    """Serve a gateway in memory; ``sections`` are merged into its settings."""
    settings: dict[str, Any] = {
        "logging": {"environment": "development"},
        "storage": {"backend": "memory"},
        "paywall": {"resources": RESOURCES},
    }
    for name, change in sections.items():
        settings[name] = {**settings.get(name, {}), **change}
    given: Sequence[Rail] = rails or (SayingRail(),)
    ports = Ports(rails=given, catalogue=catalogue, store=store)
    gateway = create_app(configure(yaml.safe_dump(settings), {}), ports=ports)
    async with serving(gateway.web) as client:
        yield Place(gateway, client)

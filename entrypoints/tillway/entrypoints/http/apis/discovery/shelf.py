"""What is sold here, and how it can be paid: what all discovery routes draw on."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from attrs import define, field

from tillway.core.catalog import Product
from tillway.core.money import Money
from tillway.core.ports.rails import HasHealth
from tillway.core.services.gateway import Services
from tillway.core.tenancy import Tenant
from tillway.entrypoints.http.fresh import Fresh

X402, CARD = "x402", "stripe"
"""By these words rails report payments."""


FACTS_SECONDS = 60.0
"""Facts of a rail (its network, its addresses) change with the settings only."""


@define(eq=False)
class Shelf:
    """Products as agents see them, and the rails behind them."""

    services: Services
    _facts: Fresh[Mapping[str, str]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare to remember."""
        self._facts = Fresh(self._ask, FACTS_SECONDS)

    def methods(self) -> Sequence[str]:
        """Give the words of the rails that are there, in the order of offering."""
        return self.services.rails.methods()

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Give what is on sale, by id."""
        return await self.services.catalogue.products(tenant)

    async def facts(self) -> Mapping[str, str]:
        """Give the public facts of the rail that takes tokens; empty if there is none."""
        return await self._facts.get()

    async def _ask(self) -> Mapping[str, str]:
        for rail in self.services.rails.offering:
            if rail.method == X402 and isinstance(rail, HasHealth):
                return (await rail.health()).facts
        return {}


def priced(product: Product) -> dict[str, object]:
    """Write the list prices that a product has, in major units. For showing, never for sums."""
    price: dict[str, object] = {}
    if product.fiat_price is not None:
        price["fiat"] = {
            "amount": _major(product.fiat_price),
            "currency": _code(product.fiat_price),
        }
    if product.crypto_price is not None:
        price["crypto"] = {
            "amount": _major(product.crypto_price),
            "token": _code(product.crypto_price),
        }
    return price


def segment(product: Product) -> str:
    """Write a product's id as one segment of a path."""
    return quote(product.id, safe="")


def _major(amount: Money) -> float:
    return float(amount.to_major())


def _code(amount: Money) -> str:
    return amount.asset.code

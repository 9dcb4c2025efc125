"""The parts of a gateway that sell carts, joined."""

from attrs import frozen

from tillway.core.services.carts.carting import Carting
from tillway.core.services.carts.sales import CartSales
from tillway.core.services.carts.subject import Carts
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.entrypoints.assembly.ground import Ground
from tillway.entrypoints.assembly.paying import PayingParts
from tillway.plugins.settings.storage import StorageSettings


@frozen(kw_only=True)
class CartParts:
    """The services of it."""

    carting: Carting
    carts: Carts
    sales: CartSales

    @classmethod
    def of(cls, ground: Ground, paying: PayingParts, checkouts: Checkouts) -> "CartParts":
        """Join them, and have carts quoted."""
        carts = Carts(
            store=ground.store, clock=ground.clock, observe=ground.observe, ends=checkouts
        )
        paying.quote.subjects.add(carts)
        lifetime = ground.settings.section(StorageSettings).cart_quote_ttl
        carting = Carting.over(paying.quote, lifetime)
        return cls(
            carting=carting,
            carts=carts,
            sales=CartSales(carting=carting, carts=carts, checkouts=checkouts, free=paying.free),
        )

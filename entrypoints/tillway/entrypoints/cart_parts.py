"""The parts of a gateway that sell carts, joined."""

from datetime import timedelta

from attrs import frozen

from tillway.core.services.cart_sales import CartSales
from tillway.core.services.cart_subject import Carts
from tillway.core.services.carting import Carting
from tillway.core.services.checkout import Checkouts
from tillway.core.services.free import Free
from tillway.core.services.quote import Quoting


@frozen(kw_only=True)
class CartParts:
    """The services of it."""

    carting: Carting
    carts: Carts
    sales: CartSales

    @classmethod
    def of(
        cls, *, quoting: Quoting, checkouts: Checkouts, free: Free, lifetime: timedelta
    ) -> "CartParts":
        """Join them, and have carts quoted."""
        carts = Carts(
            store=quoting.store, clock=quoting.clock, observe=quoting.observe, ends=checkouts
        )
        quoting.subjects.add(carts)
        carting = Carting.over(quoting, lifetime)
        return cls(
            carting=carting,
            carts=carts,
            sales=CartSales(carting=carting, carts=carts, checkouts=checkouts, free=free),
        )

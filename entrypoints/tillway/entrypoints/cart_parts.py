"""The parts of a gateway that sell carts, joined, and how long what they promise holds."""

from datetime import timedelta

from attrs import frozen

from tillway.core.services.carts.carting import Carting
from tillway.core.services.carts.sales import CartSales
from tillway.core.services.carts.subject import Carts
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.quote import LONGEST_LIFE, Quoting
from tillway.entrypoints.settings.loading import Settings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.storage import StorageSettings


def longest_quote(settings: Settings) -> timedelta:
    """Give for how long any quote is good at most: keys that sealed one are kept so long."""
    storage = settings.section(StorageSettings)
    held = max(storage.cart_quote_ttl, storage.refund_quote_ttl)
    return max(
        settings.section(PaywallSettings).quote_ttl, min(held, timedelta(seconds=LONGEST_LIFE))
    )


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

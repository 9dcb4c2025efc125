"""All that is done with subscriptions, joined."""

from attrs import define

from tillway.core.ids import ProductId
from tillway.core.services.subscriptions.activate import Activate
from tillway.core.services.subscriptions.bills import Bills
from tillway.core.services.subscriptions.cards import CardPlans
from tillway.core.services.subscriptions.changes import Changes
from tillway.core.services.subscriptions.known import KnownSubscriptions
from tillway.core.services.subscriptions.periods import Periods
from tillway.core.services.subscriptions.upkeep import Upkeep
from tillway.core.tenancy import Tenant


@define(kw_only=True)
class Subscribe:
    """The use cases of subscriptions.

    ``known`` reads them and writes how they move on; ``periods`` is what is paid for by proof, and
    ``activate`` answers who has paid. ``cards`` opens checkouts, ``bills`` hears of them.
    """

    known: KnownSubscriptions
    periods: Periods
    activate: Activate
    bills: Bills
    cards: CardPlans
    changes: Changes
    upkeep: Upkeep

    async def has_access(self, tenant: Tenant, product: ProductId, subscriber: str) -> bool:
        """Tell whether a subscriber may use a product now, grace included. Writes nothing.

        Whoever asks has proven who the subscriber is: a name alone proves nothing.
        """
        return await self.known.has_access(tenant, product, subscriber)

"""What a provider's news of subscriptions are handed to."""

from typing import Protocol

from tillway.core.checkouts import Checkout
from tillway.core.payments import Payment
from tillway.core.ports.hosting import HostedSession, SubscriptionNews, SubscriptionTold
from tillway.core.ports.store import UnitOfWork
from tillway.core.tenancy import Tenant


class Undecided(Exception):
    """Of two things that were told of one second, nobody here can say which is later.

    ``version`` is that of the subscription for which it is so.
    """

    def __init__(self, told: SubscriptionTold, version: int) -> None:
        super().__init__(told.subscription.id)
        self.told = told
        self.version = version


class HearsSubscriptions(Protocol):
    """Make of news what they mean. Both verbs write in the unit that marks the news as applied.

    They await nothing but the store, and may run again after a rollback.
    """

    async def begin(
        self, unit: UnitOfWork, checkout: Checkout, session: HostedSession, payment: Payment
    ) -> bool:
        """Begin what a paid checkout was for. ``payment`` is settled if this is True.

        The session was compared with the checkout already. False if it buys nothing (another
        is running): the money is then kept to be given back. A repeat is True.
        """
        ...

    async def apply(
        self, unit: UnitOfWork, tenant: Tenant, source: str, news: SubscriptionNews
    ) -> bool:
        """Write what a subscription or an invoice has become; older news change nothing.

        False if it is about something that is not known (yet): the news are kept and tried
        again for a while, for news come in any order. ``source`` names the provider. Raises
        Undecided, for news alone, where the provider has to be asked first.
        """
        ...

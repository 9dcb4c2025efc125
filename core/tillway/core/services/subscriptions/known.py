"""Who has subscribed to what, and until when it gives access."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.subscriptions.facts import changes
from tillway.core.subscription_moves import gives_access
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import Tenant

TRIES: Final = 5
"""How often a change is made anew that somebody else was quicker with."""

Move = Callable[[Subscription], Subscription]
"""Give a subscription as it shall stand; raise Declined if it cannot."""


@define(kw_only=True)
class KnownSubscriptions:
    """Read subscriptions, and write how they move on.

    ``enabled`` False sells none and lets nobody in by one. ``grace_hours`` is the grace of
    products that have none of their own.
    """

    store: Store
    catalogue: Catalogue
    clock: Clock
    enabled: bool
    grace_hours: int

    async def has_access(self, tenant: Tenant, product: ProductId, subscriber: str) -> bool:
        """Tell whether a subscriber may use a product now, grace included. Writes nothing."""
        if not self.enabled:
            return False
        found = await self.running(tenant, subscriber, product)
        if found is None:
            return False
        return gives_access(found, self.clock.now(), await self.grace(tenant, product))

    async def grace(self, tenant: Tenant, product: ProductId) -> int:
        """Give the hours of grace of a product: its own, or else everybody's."""
        found = await self.catalogue.product(tenant, product)
        terms = None if found is None else found.subscription
        own = 0 if terms is None else terms.grace_period_hours
        return own or self.grace_hours

    async def running(
        self, tenant: Tenant, subscriber: str, product: ProductId
    ) -> Subscription | None:
        """Give the subscriber's running subscription of a product."""
        async with self.store.view(once=True) as view:
            return await view.subscriptions.running(tenant, subscriber, product)

    async def latest(
        self, tenant: Tenant, subscriber: str, product: ProductId
    ) -> Subscription | None:
        """Give the running subscription of a product, or else the one that ended last."""
        found = await self.running(tenant, subscriber, product)
        if found is not None:
            return found
        return next(
            (each for each in await self.of(tenant, subscriber) if each.product == product), None
        )

    async def of(self, tenant: Tenant, subscriber: str) -> Sequence[Subscription]:
        """Give a subscriber's subscriptions, newest first."""
        async with self.store.view(once=True) as view:
            return await view.subscriptions.of(tenant, subscriber)

    async def get(self, tenant: Tenant, subscription: SubscriptionId) -> Subscription | None:
        """Give a subscription."""
        async with self.store.view(once=True) as view:
            return await view.subscriptions.get(tenant, subscription)

    async def move(self, subscription: Subscription, move: Move) -> Subscription:
        """Change a subscription as ``move`` says, with its facts, in one commit.

        What somebody else has changed meanwhile is read again, and the move made from there.
        Raises what ``move`` raises; Unavailable if others were quicker every time.
        """
        standing = subscription
        for _ in range(TRIES):
            moved = move(standing)
            if moved == standing:
                return standing
            if await self.replaced(standing, moved):
                return moved
            standing = await self.get(standing.tenant, standing.id) or standing
        raise Unavailable(retry_after=1.0)

    async def replaced(self, before: Subscription, after: Subscription) -> bool:
        """Write a subscription over what it was, with its facts; False if that has changed."""
        async with self.store.begin() as unit:
            return await rewrite(unit, before, after)

    def now(self) -> datetime:
        """Give the present."""
        return self.clock.now()


async def write(unit: UnitOfWork, subscription: Subscription) -> bool:
    """Write a new subscription with its facts; False, and nothing written, if it cannot be one."""
    if not await unit.subscriptions.add(subscription):
        return False
    await _tell(unit, None, subscription)
    return True


async def rewrite(unit: UnitOfWork, before: Subscription, after: Subscription) -> bool:
    """Write a subscription over what it was, with its facts; False if that has changed."""
    if not await unit.subscriptions.replace(after):
        return False
    await _tell(unit, before, after)
    return True


async def _tell(unit: UnitOfWork, before: Subscription | None, after: Subscription) -> None:
    for fact in changes(before, after):
        await unit.events.append(fact)

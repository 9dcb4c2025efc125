"""Subscriptions as records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Sight
from tillway.adapters.stores.records.shelf import Shelf, blank, joined
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.subscriptions import RUNNING, Subscription
from tillway.core.tenancy import Tenant

MOST_OF_ONE: Final = 1_000
_ALL: Final = [state.value for state in type(next(iter(RUNNING)))]


def _columns(subscription: Subscription) -> Row:
    due = subscription.due_at
    return blank(
        tenant=subscription.tenant,
        id=subscription.id,
        at=micros(subscription.created_at),
        state=subscription.state.value,
        group=subscription.subscriber,
        mark=subscription.stripe_subscription,
        slot=_slot(subscription),
        due=None if due is None else micros(due),
    )


def _slot(subscription: Subscription) -> str | None:
    if not subscription.is_running:
        return None
    return joined(subscription.subscriber, subscription.product)


_SUBSCRIPTIONS: Final = Shelf(Kind.SUBSCRIPTIONS, Subscription, _columns)


@frozen
class SubscriptionRecords:
    """Subscriptions, running and ended."""

    calls: Calls
    codec: Codec

    async def add(self, subscription: Subscription) -> bool:
        """Write a subscription at version 0."""

        async def work(rows: Sight) -> bool:
            return await _SUBSCRIPTIONS.insert(rows, self.codec, evolve(subscription, version=0))

        return await self.calls.write(work)

    async def replace(self, subscription: Subscription) -> bool:
        """Write a subscription over the version that it names, and count that up."""
        later = evolve(subscription, version=subscription.version + 1)
        row = _SUBSCRIPTIONS.row(later, self.codec, subscription.version)

        async def work(rows: Sight) -> bool:
            return await rows.swap(Kind.SUBSCRIPTIONS, row)

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, subscription: SubscriptionId) -> Subscription | None:
        """Give a subscription."""

        async def work(rows: Sight) -> Subscription | None:
            return await _SUBSCRIPTIONS.get(rows, self.codec, tenant, subscription)

        return await self.calls.read(work)

    async def by_stripe(self, tenant: Tenant, stripe_subscription: str) -> Subscription | None:
        """Give the subscription with this id at Stripe."""

        async def work(rows: Sight) -> Subscription | None:
            row = await rows.marked(Kind.SUBSCRIPTIONS, tenant, stripe_subscription)
            return None if row is None else _SUBSCRIPTIONS.read(row, self.codec)

        return await self.calls.read(work)

    async def running(
        self, tenant: Tenant, subscriber: str, product: ProductId
    ) -> Subscription | None:
        """Give the subscriber's running subscription of a product."""

        async def work(rows: Sight) -> Subscription | None:
            row = await rows.slotted(Kind.SUBSCRIPTIONS, tenant, joined(subscriber, product))
            return None if row is None else _SUBSCRIPTIONS.read(row, self.codec)

        return await self.calls.read(work)

    async def of(self, tenant: Tenant, subscriber: str) -> Sequence[Subscription]:
        """Give a subscriber's subscriptions, newest first, at most a thousand."""

        async def work(rows: Sight) -> Sequence[Subscription]:
            found = await rows.newest(Kind.SUBSCRIPTIONS, tenant, MOST_OF_ONE, group=subscriber)
            return _SUBSCRIPTIONS.all(found, self.codec)

        return await self.calls.read(work)

    async def listed(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Subscription]:
        """Give the tenant's subscriptions, newest first, created before that time."""
        end = None if before is None else micros(before)

        async def work(rows: Sight) -> Sequence[Subscription]:
            found = await rows.newest(Kind.SUBSCRIPTIONS, tenant, checked(limit), before=end)
            return _SUBSCRIPTIONS.all(found, self.codec)

        return await self.calls.read(work)

    async def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Give subscriptions of all tenants that are due before ``now``, the longest due first."""

        async def work(rows: Sight) -> Sequence[Subscription]:
            found = await rows.due(Kind.SUBSCRIPTIONS, _ALL, micros(now), checked(limit))
            return _SUBSCRIPTIONS.all(found, self.codec)

        return await self.calls.read(work)

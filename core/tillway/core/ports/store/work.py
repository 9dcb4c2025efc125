"""What workers share: deliveries, leases, and settings that can be changed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from tillway.core.deliveries import Delivery, DeliveryState
from tillway.core.ids import WebhookId
from tillway.core.tenancy import Tenant


class Deliveries(Protocol):
    """Facts on their way to endpoints, and those that were given up."""

    async def add(self, delivery: Delivery) -> bool:
        """Write a delivery.

        False, and nothing written, if its id, or one of the same fact for the endpoint, is there.
        """
        ...

    async def take(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Delivery]:
        """Make waiting deliveries that are due before ``now`` ours until ``until``.

        The longest due first, each once. ``due_at`` is then ``until``: what we do not finish is
        taken again.
        """
        ...

    async def finish(self, delivery: Delivery) -> bool:
        """Write what came of an attempt, if ``delivery.owner`` still owns it and it waits.

        Done, dead, or waiting until ``due_at``; nobody owns it then. False, and nothing written,
        if it is not so; a repeat is therefore False.
        """
        ...

    async def get(self, tenant: Tenant, delivery: WebhookId) -> Delivery | None:
        """Give a delivery."""
        ...

    async def listed(
        self,
        tenant: Tenant,
        states: Collection[DeliveryState],
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[Delivery]:
        """Give deliveries in these states, newest first, created before that time."""
        ...

    async def revive(self, tenant: Tenant, delivery: WebhookId, at: datetime) -> bool:
        """Let a dead delivery wait again from ``at`` on, with no attempts counted.

        False if it is not dead, as for a repeat.
        """
        ...

    async def remove(self, tenant: Tenant, delivery: WebhookId) -> bool:
        """Remove a delivery and tell whether it was there."""
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove deliveries of all tenants that were done before that time, and tell how many."""
        ...


class Leases(Protocol):
    """Turns at what one process does at a time. Names are the gateway's, not a tenant's."""

    async def acquire(self, name: str, owner: str, now: datetime, until: datetime) -> bool:
        """Take or extend a lease: True if it was free, over before ``now``, or ours.

        Of all that ask, under any race, one has it. A lease of ours is never cut short.
        """
        ...

    async def give_up(self, name: str, owner: str) -> bool:
        """End a lease that is ours; False if it is not, as for a repeat."""
        ...


@frozen(kw_only=True)
class Setting:
    """A value that was set while running. ``version`` counts its changes from 1."""

    tenant: Tenant
    key: str
    value: Mapping[str, object]
    version: int
    changed_at: datetime
    changed_by: str


class Settings(Protocol):
    """Settings of tenants."""

    async def put(
        self,
        tenant: Tenant,
        key: str,
        value: Mapping[str, object],
        version: int,
        at: datetime,
        by: str,
    ) -> bool:
        """Write a value over the version named, 0 for none; count that up.

        False, and nothing written, if another version is stored, as for a repeat.
        """
        ...

    async def get(self, tenant: Tenant, key: str) -> Setting | None:
        """Give a setting."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Setting]:
        """Give the tenant's settings by key, ascending, at most a thousand."""
        ...

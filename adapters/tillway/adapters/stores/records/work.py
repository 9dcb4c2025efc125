"""Deliveries, leases and settings as records."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import orjson
from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.purging import purged
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Sight
from tillway.adapters.stores.records.shelf import Shelf, blank, joined
from tillway.core.deliveries import Delivery, DeliveryState
from tillway.core.ids import WebhookId
from tillway.core.ports.store import Setting
from tillway.core.tenancy import Tenant

_MOST_SETTINGS: Final = 1_000


def _delivery(delivery: Delivery) -> Row:
    done = delivery.completed_at
    return blank(
        tenant=delivery.tenant,
        id=delivery.id,
        at=micros(delivery.created_at),
        state=delivery.state.value,
        mark=joined(delivery.event, delivery.endpoint),
        due=micros(delivery.due_at if done is None else done),
    )


_DELIVERIES: Final = Shelf(Kind.DELIVERIES, Delivery, _delivery)


@frozen
class DeliveryRecords:
    """Facts on their way to endpoints, and those that were given up."""

    calls: Calls
    codec: Codec

    async def add(self, delivery: Delivery) -> bool:
        """Write a delivery."""

        async def work(rows: Sight) -> bool:
            return await _DELIVERIES.insert(rows, self.codec, delivery)

        return await self.calls.write(work)

    async def take(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Delivery]:
        """Make waiting deliveries that are due before ``now`` ours until ``until``."""

        async def work(rows: Sight) -> Sequence[Delivery]:
            waiting = [DeliveryState.WAITING.value]
            due = await rows.due(Kind.DELIVERIES, waiting, micros(now), checked(limit))
            taken = []
            for row in due:
                ours = evolve(_DELIVERIES.read(row, self.codec), owner=owner, due_at=until)
                if await rows.swap(Kind.DELIVERIES, _DELIVERIES.row(ours, self.codec, row.version)):
                    taken.append(ours)
            return taken

        return await self.calls.write(work)

    async def finish(self, delivery: Delivery) -> bool:
        """Write what came of an attempt, if ``delivery.owner`` still owns it and it waits."""

        async def work(rows: Sight) -> bool:
            found = await _DELIVERIES.find(rows, self.codec, delivery.tenant, delivery.id)
            if found is None or found.value.state is not DeliveryState.WAITING:
                return False
            if not delivery.owner or found.value.owner != delivery.owner:
                return False
            # Whoever goes on with it owns it anew.
            return await _DELIVERIES.swap(rows, self.codec, evolve(delivery, owner=""), found)

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, delivery: WebhookId) -> Delivery | None:
        """Give a delivery."""

        async def work(rows: Sight) -> Delivery | None:
            return await _DELIVERIES.get(rows, self.codec, tenant, delivery)

        return await self.calls.read(work)

    async def listed(
        self,
        tenant: Tenant,
        states: Collection[DeliveryState],
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[Delivery]:
        """Give deliveries in these states, newest first, created before that time."""
        end = None if before is None else micros(before)
        names = [state.value for state in states]

        async def work(rows: Sight) -> Sequence[Delivery]:
            found = await rows.newest(
                Kind.DELIVERIES, tenant, checked(limit), before=end, states=names
            )
            return _DELIVERIES.all(found, self.codec)

        return await self.calls.read(work)

    async def revive(self, tenant: Tenant, delivery: WebhookId, at: datetime) -> bool:
        """Let a dead delivery wait again from ``at`` on, with no attempts counted."""

        async def work(rows: Sight) -> bool:
            found = await _DELIVERIES.find(rows, self.codec, tenant, delivery)
            if found is None or found.value.state is not DeliveryState.DEAD:
                return False
            again = evolve(
                found.value,
                state=DeliveryState.WAITING,
                due_at=at,
                attempts=0,
                owner="",
                completed_at=None,
            )
            return await _DELIVERIES.swap(rows, self.codec, again, found)

        return await self.calls.write(work)

    async def remove(self, tenant: Tenant, delivery: WebhookId) -> bool:
        """Remove a delivery and tell whether it was there."""

        async def work(rows: Sight) -> bool:
            return await rows.remove(Kind.DELIVERIES, tenant, delivery)

        return await self.calls.write(work)

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove deliveries of all tenants that were done before that time."""

        async def work(rows: Sight) -> int:
            done = [DeliveryState.DONE.value]
            return await purged(rows, Kind.DELIVERIES, done, before, limit)

        return await self.calls.write(work)


@frozen
class LeaseRecords:
    """Turns at what one process does at a time."""

    calls: Calls

    async def acquire(self, name: str, owner: str, now: datetime, until: datetime) -> bool:
        """Take or extend a lease: True if it was free, over before ``now``, or ours."""
        row = Row(tenant="", id=name, at=micros(now), group=owner, due=micros(until), body="{}")

        async def work(rows: Sight) -> bool:
            if await rows.insert(Kind.LEASES, row):
                return True
            known = await rows.get(Kind.LEASES, "", name)
            if known is None:
                return False
            end = known.due or 0
            if known.group != owner and end >= micros(now):
                return False
            until_then = max(end, micros(until)) if known.group == owner else micros(until)
            mine = evolve(row, due=until_then, version=known.version)
            return await rows.swap(Kind.LEASES, mine)

        return await self.calls.write(work)

    async def give_up(self, name: str, owner: str) -> bool:
        """End a lease that is ours; False if it is not."""

        async def work(rows: Sight) -> bool:
            known = await rows.get(Kind.LEASES, "", name)
            if known is None or known.group != owner:
                return False
            return await rows.remove(Kind.LEASES, "", name)

        return await self.calls.write(work)


def _setting(setting: Setting) -> Row:
    return blank(tenant=setting.tenant, id=setting.key, at=micros(setting.changed_at))


_SETTINGS: Final = Shelf(Kind.SETTINGS, Setting, _setting)


@frozen
class SettingRecords:
    """Settings of tenants."""

    calls: Calls
    codec: Codec

    async def put(
        self,
        tenant: Tenant,
        key: str,
        value: Mapping[str, object],
        version: int,
        at: datetime,
        by: str,
    ) -> bool:
        """Write a value over the version named, 0 for none; count that up."""
        setting = Setting(
            tenant=tenant,
            key=key,
            value=orjson.loads(orjson.dumps(value)),
            version=version + 1,
            changed_at=at,
            changed_by=by,
        )

        async def work(rows: Sight) -> bool:
            if version == 0:
                return await _SETTINGS.insert(rows, self.codec, setting)
            # A row's own version counts from 0, a setting's from 1.
            return await rows.swap(Kind.SETTINGS, _SETTINGS.row(setting, self.codec, version - 1))

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, key: str) -> Setting | None:
        """Give a setting."""

        async def work(rows: Sight) -> Setting | None:
            return await _SETTINGS.get(rows, self.codec, tenant, key)

        return await self.calls.read(work)

    async def all(self, tenant: Tenant) -> Sequence[Setting]:
        """Give the tenant's settings by key, ascending, at most a thousand."""

        async def work(rows: Sight) -> Sequence[Setting]:
            found = await rows.in_order(Kind.SETTINGS, tenant, _MOST_SETTINGS)
            return _SETTINGS.all(found, self.codec)

        return await self.calls.read(work)

"""Refunds as records; what a purchase's live ones come to is a running total."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Sight
from tillway.adapters.stores.records.shelf import Shelf, Stored, blank
from tillway.core.ids import RefundId
from tillway.core.money import Money
from tillway.core.refunds import LIVE, Refund, RefundState
from tillway.core.tenancy import Tenant

MOST_OF_ONE: Final = 1_000


def _columns(refund: Refund) -> Row:
    return blank(
        tenant=refund.tenant,
        id=refund.id,
        at=micros(refund.created_at),
        state=refund.state.value,
        group=refund.purchase,
        due=micros(refund.expires_at),
    )


_REFUNDS: Final = Shelf(Kind.REFUNDS, Refund, _columns)


@frozen
class RefundRecords:
    """Refunds, whatever became of them."""

    calls: Calls
    codec: Codec

    async def add(self, refund: Refund, limit: Money) -> bool:
        """Write a live refund if all live ones of its purchase come to no more than ``limit``."""

        async def work(rows: Sight) -> bool:
            _refuse_odd(refund, limit)
            if not await _REFUNDS.insert(rows, self.codec, refund):
                return True
            if await _take(rows, refund, refund.amount.minor, limit.minor):
                return True
            await rows.remove(Kind.REFUNDS, refund.tenant, refund.id)
            return False

        return await self.calls.write(work)

    async def move(self, refund: Refund, was: Collection[RefundState]) -> bool:
        """Write a refund as it now stands, if what is stored is in one of these states."""

        async def work(rows: Sight) -> bool:
            found = await _REFUNDS.find(rows, self.codec, refund.tenant, refund.id)
            if found is None or found.value.state not in was:
                return False
            _refuse_change(refund, found.value)
            return await self._moved(rows, refund, found)

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, refund: RefundId) -> Refund | None:
        """Give a refund."""

        async def work(rows: Sight) -> Refund | None:
            return await _REFUNDS.get(rows, self.codec, tenant, refund)

        return await self.calls.read(work)

    async def of(self, tenant: Tenant, purchase: str) -> Sequence[Refund]:
        """Give the refunds of a purchase, oldest first, at most a thousand."""

        async def work(rows: Sight) -> Sequence[Refund]:
            found = await rows.newest(Kind.REFUNDS, tenant, MOST_OF_ONE, group=purchase)
            return _REFUNDS.all(reversed(found), self.codec)

        return await self.calls.read(work)

    async def listed(
        self,
        tenant: Tenant,
        states: Collection[RefundState],
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[Refund]:
        """Give refunds in these states, newest first, created before that time."""
        end = None if before is None else micros(before)
        names = [state.value for state in states]

        async def work(rows: Sight) -> Sequence[Refund]:
            found = await rows.newest(
                Kind.REFUNDS, tenant, checked(limit), before=end, states=names
            )
            return _REFUNDS.all(found, self.codec)

        return await self.calls.read(work)

    async def expire(self, now: datetime, limit: int) -> Sequence[Refund]:
        """End pending refunds of all tenants that expired before ``now``."""

        async def work(rows: Sight) -> Sequence[Refund]:
            pending = [RefundState.PENDING.value]
            due = await rows.due(Kind.REFUNDS, pending, micros(now), checked(limit))
            ended = []
            for row in due:
                value = _REFUNDS.read(row, self.codec)
                over = evolve(value, state=RefundState.EXPIRED)
                if await self._moved(rows, over, Stored(value, row)):
                    ended.append(over)
            return ended

        return await self.calls.write(work)

    async def _moved(self, rows: Sight, refund: Refund, found: Stored[Refund]) -> bool:
        if not await _REFUNDS.swap(rows, self.codec, refund, found):
            return False
        if found.value.state in LIVE and refund.state not in LIVE:
            await _take(rows, refund, -refund.amount.minor, None)
        return True


async def _take(rows: Sight, refund: Refund, change: int, most: int | None) -> bool:
    return await rows.take(refund.tenant, "", f"refunds:{refund.purchase}", change, most)


def _refuse_odd(refund: Refund, limit: Money) -> None:
    if refund.amount.asset != limit.asset:
        raise ValueError("a refund and its limit are of one asset")
    if refund.amount.minor <= 0:
        raise ValueError("a refund is above zero")
    if refund.state not in LIVE:
        raise ValueError("a refund begins live")


def _refuse_change(refund: Refund, stored: Refund) -> None:
    if (refund.amount, refund.purchase) != (stored.amount, stored.purchase):
        raise ValueError("a refund keeps its amount and its purchase")
    if refund.state in LIVE and stored.state not in LIVE:
        raise ValueError("a refund that has ended without pay stays so")

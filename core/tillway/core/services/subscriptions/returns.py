"""Take back what was paid for once its money has gone back, and give it back with its money.

What is done is decided by how things stand, not by what has just happened: news that come twice,
or in another order, do the same.
"""

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.ids import ProductId
from tillway.core.payments import Payment, State
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import UnitOfWork
from tillway.core.refunds import is_paid_back
from tillway.core.services.hosted.payments import SUBSCRIPTION
from tillway.core.services.subscriptions.known import TRIES, rewrite
from tillway.core.subscription_money import marked
from tillway.core.subscription_returns import (
    forgotten,
    given_back,
    taken_back,
    taken_with,
    undone,
)
from tillway.core.subscriptions import Subscription


@define(kw_only=True)
class Returns:
    """Hear of money that has gone back, or is here after all. The law is `HearsReturns`'."""

    clock: Clock

    async def returned(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have subscriptions give what is paid for, and no more."""
        gone = await _is_gone(unit, payment)
        for _ in range(TRIES):
            if await self._written(unit, payment, gone=gone):
                return
        raise Unavailable(retry_after=1.0)

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Take back a period whose payment is reversed."""
        for _ in range(TRIES):
            found = await _running(unit, payment)
            if found is None:
                return
            if await _moved(unit, found, undone(found, payment.signature, self.clock.now())):
                return
        raise Unavailable(retry_after=1.0)

    async def _written(self, unit: UnitOfWork, payment: Payment, *, gone: bool) -> bool:
        if SUBSCRIPTION in payment.metadata:
            return await self._billed(unit, payment, gone=gone)
        if not payment.payer:
            return True
        if gone:
            return await self._taken(unit, payment)
        return await self._given(unit, payment)

    async def _billed(self, unit: UnitOfWork, payment: Payment, *, gone: bool) -> bool:
        """Mark it as gone or not: the provider goes on billing, and what it bills next counts."""
        named = payment.metadata[SUBSCRIPTION]
        found = await unit.subscriptions.by_stripe(payment.tenant, named)
        if found is None:
            return True
        after = marked(found, payment.signature, self.clock.now(), gone=gone)
        return await _moved(unit, found, after)

    async def _taken(self, unit: UnitOfWork, payment: Payment) -> bool:
        found = await _running(unit, payment)
        if found is None:
            return True
        return await _moved(unit, found, taken_back(found, payment.signature, self.clock.now()))

    async def _given(self, unit: UnitOfWork, payment: Payment) -> bool:
        """Give it to the subscription that runs, which may have begun since it was taken."""
        now = self.clock.now()
        for holder in await unit.subscriptions.of(payment.tenant, payment.payer):
            paid = taken_with(holder, payment.signature)
            if paid is None:
                continue
            running = await unit.subscriptions.running(
                holder.tenant, holder.subscriber, holder.product
            )
            if running is None or running.id == holder.id:
                return await _moved(unit, holder, given_back(holder, paid, now, holder))
            if not await _moved(unit, holder, forgotten(holder, paid)):
                return False
            if not await _moved(unit, running, given_back(running, paid, now, holder)):
                raise Unavailable(retry_after=1.0)  # neither of the two, then
            return True
        return True


async def _is_gone(unit: UnitOfWork, payment: Payment) -> bool:
    if payment.state is not State.SETTLED:
        return True
    refunds = await unit.refunds.of(payment.tenant, payment.signature)
    return is_paid_back(payment, refunds)


async def _running(unit: UnitOfWork, payment: Payment) -> Subscription | None:
    product = ProductId(payment.purchase.resource)
    return await unit.subscriptions.running(payment.tenant, payment.payer, product)


async def _moved(unit: UnitOfWork, before: Subscription, after: Subscription) -> bool:
    return after == before or await rewrite(unit, before, after)

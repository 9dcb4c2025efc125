"""What contract tests do again and again."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from tillway.core.contracts.counts import count as count
from tillway.core.contracts.samples import CHAIN
from tillway.core.payments import Chain, Payment
from tillway.core.ports.store import ClaimResult, Store, UnitOfWork, View
from tillway.core.tenancy import DEFAULT, Tenant

T = TypeVar("T")


async def write(store: Store, call: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """Make one call in a unit of its own."""
    async with store.begin(once=True) as unit:
        return await call(unit)


async def read(store: Store, call: Callable[[View], Awaitable[T]]) -> T:
    """Make one call in a view of its own."""
    async with store.view(once=True) as view:
        return await call(view)


async def claim(store: Store, payment: Payment) -> ClaimResult:
    """Claim in a unit of its own."""
    async with store.begin(once=True) as unit:
        return await unit.payments.claim(payment)


async def settle(store: Store, payment: Payment) -> bool:
    """Settle in a unit of its own."""
    async with store.begin(once=True) as unit:
        return await unit.payments.settle(payment)


async def fail(store: Store, payment: Payment, *, landed: bool = False) -> bool:
    """Fail in a unit of its own."""
    async with store.begin(once=True) as unit:
        return await unit.payments.fail(payment, landed)


async def release(store: Store, payment: Payment, until: datetime) -> bool:
    """Release in a unit of its own."""
    async with store.begin(once=True) as unit:
        return await unit.payments.release(payment, until)


async def take_over(
    store: Store, owner: str, now: datetime, until: datetime, limit: int = 100
) -> Sequence[Payment]:
    """Take over in a unit of its own."""
    async with store.begin(once=True) as unit:
        return await unit.payments.take_over(owner, now, until, limit)


async def find(store: Store, payment: Payment) -> Payment | None:
    """Find what is stored under a payment's key."""
    async with store.view(once=True) as view:
        return await view.payments.find(payment.chain, payment.key)


async def total(
    store: Store, name: str, tenant: Tenant | None = DEFAULT, chain: Chain = CHAIN
) -> int:
    """Give a running total, nothing if there is none."""
    async with store.view(once=True) as view:
        return (await view.tallies.totals(tenant, [name], chain)).get(name, 0)

"""What somebody has bought here, as far as it can be told without an account."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final

from attrs import define, frozen

from tillway.core.payments import Payment, State
from tillway.core.ports.store import Store
from tillway.core.quotes import Purpose
from tillway.core.services.paging import PAGE, each_of
from tillway.core.tenancy import Tenant

MOST_READ: Final = 20_000
"""Payments that are gone through for one answer, the newest first."""

_LEAST_PAGE: Final = 50


@frozen(kw_only=True)
class Bought:
    """Payments that bought something, newest first. ``complete``: there was no more to read."""

    payments: Sequence[Payment]
    complete: bool


@define(kw_only=True)
class Purchases:
    """Read settled payments. Nothing is written."""

    store: Store

    async def of(self, tenant: Tenant, payer: str | None, limit: int, offset: int) -> Bought:
        """Give the purchases of a payer, or of everybody with None, from the newest on.

        Of a payer no payments but his own are read, and no more than are asked for, but to learn
        whether there are others. Everybody's are looked for among the tenant's newest twenty
        thousand payments; ``complete`` is False where there may be more of them.
        """
        size = min(PAGE, max(_LEAST_PAGE, offset + limit + 1))
        read, before, found = 0, 0, list[Payment]()
        async for payment in self._paid(tenant, payer, size):
            read += 1
            if not _is_bought(payment):
                pass
            elif before < offset:
                before += 1
            elif len(found) < limit:
                found.append(payment)
            else:
                return Bought(payments=found, complete=False)
            if read == MOST_READ:
                return Bought(payments=found, complete=False)
        return Bought(payments=found, complete=True)

    def _paid(self, tenant: Tenant, payer: str | None, size: int) -> AsyncIterator[Payment]:
        if payer is not None:
            return self._paid_by(tenant, payer, size)

        async def listing(size: int, before: datetime | None) -> Sequence[Payment]:
            async with self.store.view(once=True) as view:
                return await view.payments.newest(tenant, size, before)

        return each_of(listing, lambda each: (each.chain, each.key), size)

    async def _paid_by(self, tenant: Tenant, payer: str, size: int) -> AsyncIterator[Payment]:
        last: Payment | None = None
        while True:
            async with self.store.view(once=True) as view:
                page = await view.payments.of_payer(tenant, payer, size, last)
            for payment in page:
                yield payment
            if len(page) < size:
                return
            last = page[-1]


def _is_bought(payment: Payment) -> bool:
    """Tell whether something was bought: what we have paid back ourselves was not."""
    return payment.state is State.SETTLED and payment.purchase.purpose is not Purpose.REFUND

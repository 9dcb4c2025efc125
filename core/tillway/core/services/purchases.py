"""What somebody has bought here, as far as it can be told without an account."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import define, frozen

from tillway.core.payments import Payment, State
from tillway.core.ports.store import Store
from tillway.core.quotes import Purpose
from tillway.core.services.paging import each_of
from tillway.core.tenancy import Tenant

MOST_READ: Final = 10_000
"""Payments that are gone through for one answer, the newest first."""


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

        The store has no list of a payer's payments: at most ten thousand of the tenant's newest
        are read for it, and ``complete`` tells when there may be more.
        """

        async def listing(size: int, before: datetime | None) -> Sequence[Payment]:
            async with self.store.view(once=True) as view:
                return await view.payments.newest(tenant, size, before)

        found: list[Payment] = []
        read = 0
        async for payment in each_of(listing, lambda each: (each.chain, each.key)):
            read += 1
            if _bought(payment, payer):
                found.append(payment)
            if len(found) > offset + limit or read >= MOST_READ:
                return Bought(payments=found[offset : offset + limit], complete=False)
        return Bought(payments=found[offset:], complete=True)


def _bought(payment: Payment, payer: str | None) -> bool:
    """Tell whether something was bought: what we have paid back ourselves was not."""
    settled = payment.state is State.SETTLED and payment.purchase.purpose is not Purpose.REFUND
    return settled and payer in (None, payment.payer)

"""What a check has before it: a view of the store, and the time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from attrs import frozen

from tillway.core.ledger import Entry, EntryKey
from tillway.core.payments import Payment
from tillway.core.ports.store import View
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.tenancy import Tenant

PATIENCE: Final = timedelta(minutes=1)
"""What is younger than this is still being written, and left to the next run."""

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@frozen(kw_only=True)
class Desk:
    """A moment of the store, to compare rows of one tenant in.

    Of a token less than ``least``, in major units, is not given back by itself.
    """

    view: View
    tenant: Tenant
    now: datetime
    least: Decimal = Decimal(0)

    async def entry(self, tenant: Tenant, key: EntryKey) -> Entry | None:
        """Give an entry of the ledger; one that does not balance any more cannot be read."""
        try:
            return await self.view.ledger.entry(tenant, key)
        except ValueError:
            return None


PaymentCheck = Callable[[Desk, Payment], Awaitable[Sequence[Finding]]]
"""Compare one payment with something. Reads only; a repeat says the same."""


def of_payment(kind: Kind, payment: Payment, text: str) -> Finding:
    """Write a finding about a payment, which is known by its signature on the rail."""
    return Finding(kind=kind, about=f"payment {payment.signature or payment.key}", text=text)

"""What providers have told, and what of it nobody could apply."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from tillway.core.ports.store import NOT_APPLIED, Inbound, Store
from tillway.core.services.paging import pages_of
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.tenancy import Tenant

LONGEST: Final = timedelta(days=3)
"""How long an event may wait: by then its tries are used up, and it is applied or given up."""

PAGE: Final = 50
"""Events that are held at a time: each may be a megabyte."""


def not_applied(store: Store, tenant: Tenant) -> AsyncIterator[Sequence[Inbound]]:
    """Give all events that are not applied, newest first, a page at a time."""

    async def listing(size: int, before: datetime | None) -> Sequence[Inbound]:
        async with store.view(once=True) as view:
            return await view.inbox.listed(tenant, NOT_APPLIED, size, before)

    return pages_of(listing, lambda each: (each.source, each.id), PAGE)


def event(now: datetime, told: Inbound) -> Iterator[Finding]:
    """Look at an event that is not applied. What it says of anybody stays inside."""
    about, what = f"event {told.id}", f"{told.type} of {told.source}"
    if told.given_up:
        text = f"{what} was tried {told.attempts} times: {told.last_error}"
        yield Finding(kind=Kind.EVENT_GIVEN_UP, about=about, text=text)
    elif now - told.received_at > LONGEST:
        text = f"{what} came at {told.received_at} and was tried {told.attempts} times"
        yield Finding(kind=Kind.EVENT_WAITING_TOO_LONG, about=about, text=text)

"""Going through the log of facts, from a time on, in bounded memory."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from tillway.core.events import Event
from tillway.core.ports.store import Store
from tillway.core.tenancy import Tenant

PAGE: Final = 500
_MOST_UNSEALED: Final = 100_000
_SLACK: Final = timedelta(days=1)
"""By how much facts may lie in the log before older ones: those are committed late."""


async def facts_from(
    store: Store, tenant: Tenant, since: datetime | None
) -> AsyncIterator[Sequence[Event]]:
    """Give the tenant's facts a page at a time, the oldest first, then those without a place."""
    position = 0 if since is None else await _position(store, since - _SLACK)
    while True:
        async with store.view(once=True) as view:
            page = await view.events.after(position, PAGE, tenant)
        if not page:
            break
        position = page[-1].link.position
        yield [sealed.event for sealed in page]
    async with store.view(once=True) as view:
        left = await view.events.unsealed(_MOST_UNSEALED)
    yield [event for event in left if event.tenant == tenant]


async def _position(store: Store, since: datetime) -> int:
    """Find the last position before a time, as the places of facts go by time but for some."""
    async with store.view(once=True) as view:
        last = await view.events.last()
    low, high = 0, 0 if last is None else last.position
    while low < high:
        middle = (low + high + 1) // 2
        async with store.view(once=True) as view:
            found = await view.events.after(middle - 1, 1)
        if found and found[0].event.at < since:
            low = middle
        else:
            high = middle - 1
    return low

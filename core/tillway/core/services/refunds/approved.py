"""What was approved and has no end yet, for those who see to it from time to time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final

from tillway.core.ports.store import Store
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.paging import pages_of
from tillway.core.tenancy import DEFAULT

_PAGE: Final = 100
_MOST_PAGES: Final = 100


async def approved(store: Store) -> AsyncIterator[Sequence[Refund]]:
    """Give approved refunds, newest first, a page at a time and ten thousand at most.

    Each is given once, however many were created in one moment.
    """

    async def listing(size: int, before: datetime | None) -> Sequence[Refund]:
        async with store.view(once=True) as view:
            return await view.refunds.listed(DEFAULT, [RefundState.APPROVED], size, before)

    given = 0
    async for page in pages_of(listing, lambda each: each.id, _PAGE):
        yield page
        given += 1
        if given == _MOST_PAGES:
            return

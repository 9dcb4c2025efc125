"""Going through lists of the store that are given newest first, a page at a time.

A list is asked for what was created before a time. Rows of one time may lie on both sides of a
page's end, so the next page begins with that time again, and leaves out what was there already.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

PAGE: Final = 500
_TICK: Final = timedelta(microseconds=1)
"""The least by which two times differ."""


class Dated(Protocol):
    """A row that is listed by when it was created."""

    @property
    def created_at(self) -> datetime:
        """When it came to be."""
        ...


Row = TypeVar("Row", bound=Dated)

Listing = Callable[[int, datetime | None], Awaitable[Sequence[Row]]]
"""Give so many rows created before that time, newest first."""


async def pages_of(
    listing: Listing[Row], key: Callable[[Row], Hashable], size: int = PAGE
) -> AsyncIterator[Sequence[Row]]:
    """Give every row once, newest first, a page at a time. Holds the keys of its last moment."""
    before: datetime | None = None
    edge: set[Hashable] = set()
    while page := await listing(size, before):
        fresh = [row for row in page if key(row) not in edge]
        if fresh:
            yield fresh
        if len(page) < size:
            return
        last = page[-1].created_at
        edge = {key(row) for row in page if row.created_at == last}
        before = last + _TICK
        if not fresh:
            size *= 2  # more rows of one time than a page has


async def each_of(
    listing: Listing[Row], key: Callable[[Row], Hashable], size: int = PAGE
) -> AsyncIterator[Row]:
    """Give every row once, newest first."""
    async for page in pages_of(listing, key, size):
        for row in page:
            yield row

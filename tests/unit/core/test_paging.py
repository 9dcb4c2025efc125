"""Going through a list of the store a page at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from tillway.core.services.paging import each_of

START = datetime(2026, 1, 1, tzinfo=UTC)


@frozen
class Row:
    """A row of a list."""

    created_at: datetime
    name: int


class TestEachOf:
    @given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 9))
    async def test_every_row_is_given_once(self, ticks: list[int], size: int) -> None:
        """Newest first, however many are of one moment."""
        rows = [Row(START + timedelta(microseconds=tick), at) for at, tick in enumerate(ticks)]
        rows.sort(key=lambda row: (row.created_at, row.name), reverse=True)

        async def listing(limit: int, before: datetime | None) -> Sequence[Row]:
            return [row for row in rows if before is None or row.created_at < before][:limit]

        found = [row async for row in each_of(listing, lambda row: row.name, size)]
        assert found == rows

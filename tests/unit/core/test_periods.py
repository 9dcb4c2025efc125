"""Billing periods on the calendar."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.core.catalog import BillingPeriod
from tillway.core.periods import FAR, days_later, earlier, hours_later, later

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
MONTHLY = st.sampled_from([BillingPeriod.MONTH, BillingPeriod.YEAR])


class TestPeriods:
    """``later``."""

    @pytest.mark.parametrize(
        ("start", "count", "end"),
        [
            ((2025, 1, 31), 1, (2025, 2, 28)),
            ((2024, 1, 31), 1, (2024, 2, 29)),
            ((2025, 12, 31), 2, (2026, 2, 28)),
            ((2025, 3, 30), 11, (2026, 2, 28)),
            ((2025, 5, 15), 1, (2025, 6, 15)),
        ],
    )
    def test_a_month_later_is_the_same_day_or_the_last(
        self, start: tuple[int, int, int], count: int, end: tuple[int, int, int]
    ) -> None:
        """A month that is too short gives its last day, and never one of the next month."""
        got = later(datetime(*start, tzinfo=UTC), BillingPeriod.MONTH, count)
        assert got == datetime(*end, tzinfo=UTC)

    def test_a_leap_day_is_billed_on_the_28th_and_on_the_next_leap_day(self) -> None:
        """Years keep the day as months do."""
        day = datetime(2024, 2, 29, tzinfo=UTC)
        seen = []
        for _ in range(4):
            day = later(day, BillingPeriod.YEAR, 1, 29)
            seen.append((day.year, day.day))
        assert seen == [(2025, 28), (2026, 28), (2027, 28), (2028, 29)]

    @given(start=MOMENTS, steps=st.lists(st.integers(1, 14), min_size=1, max_size=24))
    def test_the_anchor_is_kept_however_often_it_is_extended(
        self, start: datetime, steps: list[int]
    ) -> None:
        """Month by month one arrives where a single step of as many months arrives."""
        end = start
        for step in steps:
            end = later(end, BillingPeriod.MONTH, step, start.day)
        assert end == later(start, BillingPeriod.MONTH, sum(steps))

    @given(start=MOMENTS, count=st.integers(1, 500), anchor=st.integers(1, 31), period=MONTHLY)
    def test_time_of_day_stays_and_the_month_is_the_one_asked_for(
        self, start: datetime, count: int, anchor: int, period: BillingPeriod
    ) -> None:
        """Nothing overflows into another month."""
        end = later(start, period, count, anchor)
        months = count * (12 if period is BillingPeriod.YEAR else 1)
        assert end.timetz() == start.timetz()
        assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
        assert end.day <= monthrange(end.year, end.month)[1]

    @given(
        start=MOMENTS, steps=st.lists(st.integers(1, 14), min_size=1, max_size=12), period=MONTHLY
    )
    def test_what_was_added_can_be_taken_back(
        self, start: datetime, steps: list[int], period: BillingPeriod
    ) -> None:
        """Step by step, to the day on which it began."""
        ends = [start]
        for step in steps:
            ends.append(later(ends[-1], period, step, start.day))
        for step in reversed(steps):
            assert earlier(ends.pop(), period, step, start.day) == ends[-1]

    @given(start=MOMENTS, count=st.integers(1, 1000))
    def test_days_and_weeks_have_one_length(self, start: datetime, count: int) -> None:
        """They ignore the calendar."""
        assert later(start, BillingPeriod.DAY, count) == start + timedelta(days=count)
        assert later(start, BillingPeriod.WEEK, count) == start + timedelta(weeks=count)
        assert days_later(start, count) == start + timedelta(days=count)
        assert hours_later(start, count) == start + timedelta(hours=count)

    @given(start=MOMENTS, period=st.sampled_from(BillingPeriod), count=st.integers(1, 10**30))
    def test_it_only_goes_on_and_never_beyond_the_far_end(
        self, start: datetime, period: BillingPeriod, count: int
    ) -> None:
        """However many periods: an absurd product harms nobody who has paid."""
        end = later(start, period, count)
        assert start < end <= FAR
        assert later(FAR, period, count) == FAR
        assert hours_later(start, count) <= FAR
        assert earlier(end, period, count, start.day) < FAR

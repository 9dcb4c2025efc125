"""Periods as people are billed by them: a month later is the same day, or the month's last."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

from tillway.core.catalog import BillingPeriod

FAR: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The latest end of anything: whatever would end later ends here."""

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DAYS: Final = {BillingPeriod.DAY: 1, BillingPeriod.WEEK: 7}
_MONTHS: Final = {BillingPeriod.MONTH: 1, BillingPeriod.YEAR: 12}
_MOST_MONTHS: Final = 12 * 9_999


def later(
    start: datetime, period: BillingPeriod, count: int, anchor: int | None = None
) -> datetime:
    """Give the moment so many periods after a start.

    Months and years keep the day, or end on a shorter month's last one. ``anchor`` is the day of
    the month on which it all began: who began on the 31st is billed on the 28th of February and
    on the 31st of March. It counts only where ``start`` is such a shortened day.
    """
    try:
        return min(_moved(start, period, count, anchor), FAR)
    except (OverflowError, ValueError):
        return FAR


def earlier(end: datetime, period: BillingPeriod, count: int, anchor: int) -> datetime:
    """Give the moment from which it is so many periods to an end: what ``later`` has added."""
    try:
        return _moved(end, period, -count, anchor)
    except (OverflowError, ValueError):
        return LONG_AGO


def days_later(start: datetime, days: int) -> datetime:
    """Give the moment so many days after a start."""
    return later(start, BillingPeriod.DAY, days)


def hours_later(start: datetime, hours: int) -> datetime:
    """Give the moment so many hours after a start."""
    try:
        return min(start + timedelta(hours=hours), FAR)
    except OverflowError:
        return FAR


def _moved(start: datetime, period: BillingPeriod, count: int, anchor: int | None) -> datetime:
    if period in _DAYS:
        return start + timedelta(days=_DAYS[period] * count)
    return _months_later(start, _MONTHS[period] * count, anchor)


def _months_later(start: datetime, months: int, anchor: int | None) -> datetime:
    if months > _MOST_MONTHS:
        return FAR
    whole = start.year * 12 + start.month - 1 + months
    year, month = whole // 12, whole % 12 + 1
    if year >= FAR.year:
        return FAR
    day = min(_day(start, anchor), monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day)


def _day(start: datetime, anchor: int | None) -> int:
    last = monthrange(start.year, start.month)[1]
    shortened = anchor is not None and start.day == min(anchor, last)
    return anchor if shortened and anchor is not None else start.day

"""Billing periods: so many days, weeks, months or years from an anchor."""

import calendar
from datetime import UTC, datetime, timedelta

from tillway.entrypoints.sandbox.stripe.wire import Json


def after(anchor: int, recurring: Json, periods: int) -> int:
    """Give the end of so many periods; a month too short for the anchor's day ends earlier."""
    steps = recurring["interval_count"] * periods
    start = datetime.fromtimestamp(anchor, UTC)
    match recurring["interval"]:
        case "day":
            end = start + timedelta(days=steps)
        case "week":
            end = start + timedelta(weeks=steps)
        case "month":
            end = _months(start, steps)
        case _:
            end = _months(start, 12 * steps)
    return int(end.timestamp())


def months_after(start: int, months: int) -> int:
    """Give the same day so many months later."""
    return int(_months(datetime.fromtimestamp(start, UTC), months).timestamp())


def _months(start: datetime, months: int) -> datetime:
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)

"""How clients name periods: a word, or a number of days."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from tillway.core.catalog import BillingPeriod, SubscriptionTerms
from tillway.core.errors import Code, Declined

CUSTOM: Final = "custom"

NAMES: Final[Mapping[BillingPeriod, str]] = {
    BillingPeriod.DAY: "daily",
    BillingPeriod.WEEK: "weekly",
    BillingPeriod.MONTH: "monthly",
    BillingPeriod.YEAR: "yearly",
}

_DAYS: Final = {
    BillingPeriod.DAY: 1,
    BillingPeriod.WEEK: 7,
    BillingPeriod.MONTH: 30,
    BillingPeriod.YEAR: 365,
}
"""As clients count them: what is billed goes by the calendar."""


@frozen(kw_only=True)
class Interval:
    """A period as a client names it. ``days`` is 0 unless it is a custom one."""

    name: str
    days: int = 0


def interval_asked(name: str, days: int | None) -> Interval:
    """Take a client's words; Declined (invalid_field) for none of them, or days that lack."""
    if name == CUSTOM:
        if days is None or days < 1:
            text = "intervalDays required for custom interval"
            raise Declined(Code.INVALID_FIELD, text, field="intervalDays")
        return Interval(name=name, days=days)
    if name not in NAMES.values():
        raise Declined(Code.INVALID_FIELD, "invalid interval", field="interval")
    return Interval(name=name)


def interval_of(period: BillingPeriod, count: int) -> Interval:
    """Name a period for a client."""
    if count == 1:
        return Interval(name=NAMES[period])
    return Interval(name=CUSTOM, days=days_of(period, count))


def days_of(period: BillingPeriod, count: int) -> int:
    """Count a period's days as clients do: 30 a month, 365 a year."""
    return _DAYS[period] * count


def refuse_other_interval(asked: Interval, terms: SubscriptionTerms) -> None:
    """Raise Declined (invalid_field) for an interval at which a product is not billed."""
    own = interval_of(terms.billing_period, terms.billing_interval)
    exact = terms.billing_period in (BillingPeriod.DAY, BillingPeriod.WEEK)
    days = days_of(terms.billing_period, terms.billing_interval)
    if asked == own or (exact and _days(asked) == days):
        return
    what = own.name if not own.days else f"{own.name} with intervalDays {own.days}"
    text = f"invalid interval: this resource is billed {what}"
    raise Declined(Code.INVALID_FIELD, text, field="interval")


def _days(asked: Interval) -> int:
    by_name = {name: period for period, name in NAMES.items()}
    return asked.days or _DAYS[by_name[asked.name]]

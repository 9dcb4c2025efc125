"""How the Cedros routes write times and amounts."""

from datetime import UTC, datetime

from tillway.core.money import Money


def moment(at: datetime) -> str:
    """Write a time as RFC 3339 in UTC, with microseconds where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def seconds(at: datetime) -> str:
    """Write a time as RFC 3339 in UTC, in whole seconds."""
    return moment(at.replace(microsecond=0))


def major(amount: Money | None) -> float:
    """Write an amount as the wire's JSON number in major units. For showing, never for sums."""
    return float(amount.to_major()) if amount is not None else 0.0

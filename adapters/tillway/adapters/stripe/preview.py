"""What a change of plan would cost, read from an invoice that is never made."""

from collections.abc import Iterator
from datetime import datetime

from tillway.adapters.stripe.answers import Fields
from tillway.core.assets import Assets
from tillway.core.money import Money
from tillway.core.ports.hosting import Preview


def read_preview(fields: Fields, assets: Assets, now: datetime) -> Preview:
    """Add up what of the old plan is given back, and what of the new one is charged for it."""
    asset = fields.asset(assets)
    amounts = [line.need_whole("amount") for line in _prorated(fields)]
    cost = sum(amount for amount in amounts if amount > 0)
    credit = -sum(amount for amount in amounts if amount < 0)
    return Preview(
        due=Money(max(0, cost - credit), asset),
        credit=Money(credit, asset),
        cost=Money(cost, asset),
        at=fields.time("subscription_proration_date") or now,
    )


def _prorated(fields: Fields) -> Iterator[Fields]:
    return (line for line in fields.each("lines") if is_prorated(line))


def is_prorated(line: Fields) -> bool:
    """Tell whether a line of an invoice is for part of a period; moved in API 2025-03-31."""
    if line.flag("proration"):
        return True
    parent = line.inner("parent")
    details = parent and (
        parent.inner("subscription_item_details") or parent.inner("invoice_item_details")
    )
    return details is not None and details.flag("proration")

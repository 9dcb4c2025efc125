"""Removing what has had its time."""

from datetime import datetime

from tillway.adapters.stores.codec import micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.rows import Kind, Rows


async def purged(rows: Rows, kind: Kind, states: list[str], before: datetime, limit: int) -> int:
    """Remove rows in these states that were due before that time, and tell how many."""
    due = await rows.due(kind, states, micros(before), checked(limit))
    return sum([await rows.remove(kind, row.tenant, row.id) for row in due])

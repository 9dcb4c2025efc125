"""Facts, written in the commit that makes them and delivered at least once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import frozen

from tillway.core.ids import EventId
from tillway.core.tenancy import Tenant

LEDGER_ENTRY: Final = "ledger.entry"
"""The type of the facts that are ledger entries."""


@frozen(kw_only=True)
class Event:
    """One fact. ``id`` is stable over every repeat of its delivery."""

    id: EventId
    tenant: Tenant
    type: str
    at: datetime
    body: Mapping[str, object]

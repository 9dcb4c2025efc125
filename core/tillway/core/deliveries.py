"""A fact on its way to somebody's endpoint."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from tillway.core.ids import EventId, WebhookId
from tillway.core.tenancy import Tenant


class DeliveryState(StrEnum):
    """Whether a fact has arrived. ``dead``: given up, kept to be looked at and sent again."""

    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


@frozen(kw_only=True)
class Delivery:
    """One fact for one endpoint. Headers that are secret are named, never kept.

    ``owner`` and ``lease_until`` say which process is sending it; ``due_at`` when it is tried next.
    """

    id: WebhookId
    tenant: Tenant
    event: EventId
    event_type: str
    endpoint: str
    url: str
    payload: str
    created_at: datetime
    due_at: datetime
    headers: Mapping[str, str] = {}
    attempts: int = 0
    most_attempts: int = 5
    last_error: str | None = None
    last_attempt_at: datetime | None = None
    completed_at: datetime | None = None
    state: DeliveryState = DeliveryState.WAITING
    owner: str = ""

"""The JSON bodies of what somebody has bought."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from tillway.entrypoints.http.wire import wire


@frozen(kw_only=True)
class PurchaseRow:
    """A settled payment. ``amount`` is in major units with its asset: ``1.500000 USDC``."""

    signature: str
    tenant_id: str = wire(name="tenant_id")
    resource_id: str = wire(name="resource_id")
    wallet: str
    user_id: str | None = wire(name="user_id", default=None)
    amount: str
    paid_at: str = wire(name="paid_at", format="date-time")
    metadata: Mapping[str, str]


@frozen(kw_only=True)
class PurchaseRows:
    """What was bought, newest first."""

    purchases: Sequence[PurchaseRow]
    complete: bool = wire(doc="Whether there is no more: of ten thousand payments at most.")

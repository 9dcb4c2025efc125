"""What a provider's account shows of its past, so that books can be compared with it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import frozen

from tillway.core.ports.hosting import HostedSession, PaidBack
from tillway.core.ports.rails import Rail


@frozen(kw_only=True)
class StatedRefund:
    """A refund at the provider, and the money that it gives back of, as the provider names it."""

    refund: PaidBack
    payment: str


@runtime_checkable
class ShowsStatement(Rail, Protocol):
    """A rail whose provider lists what it has, newest first, created in a span of time.

    Both raise Unavailable where the list cannot be gone on with.
    """

    def sessions(self, since: datetime | None, until: datetime) -> AsyncIterator[HostedSession]:
        """Give all sessions of the account, ours and others'."""
        ...

    def refunds(self, since: datetime | None, until: datetime) -> AsyncIterator[StatedRefund]:
        """Give all refunds of the account, ours and others'."""
        ...

"""The log of facts: written with what makes them, numbered and sealed afterwards."""

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from tillway.core.events import Event
from tillway.core.ids import EventId
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Link:
    """A fact's place: in the log of all tenants, and in the chain of its own.

    ``position`` counts from 1 over all tenants and ``number`` from 1 for each, both without
    gaps. ``seal`` is a hash, in hexadecimal digits, over the one before and the fact.
    """

    position: int
    tenant: Tenant
    number: int
    fact: EventId
    seal: str


@frozen(kw_only=True)
class Sealed:
    """A fact in its place."""

    link: Link
    event: Event


class Events(Protocol):
    """The log of facts. A ledger entry is a fact too, of the type ``ledger.entry``."""

    async def append(self, event: Event) -> None:
        """Write a fact, without a place; a repeat of its id does nothing."""
        ...

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts but ledger entries, newest first; of one time, greater id first.

        They are listed from their commit on, whether they have a place or not.
        """
        ...

    async def unsealed(self, limit: int) -> Sequence[Event]:
        """Give facts of all tenants that have no place yet, oldest first.

        Of two of one time by tenant and id, ascending. What is committed late comes in a later
        answer: nothing that has committed is passed over for good.
        """
        ...

    async def seal(self, links: Sequence[Link]) -> bool:
        """Give facts their places, all or nothing, in the order given.

        False, and nothing written, if a position or a number is taken or not the next one, or a
        fact has its place already or is not there: whoever else did it was first. A repeat is
        therefore False.
        """
        ...

    async def last(self) -> Link | None:
        """Give the link with the highest position."""
        ...

    async def head(self, tenant: Tenant) -> Link | None:
        """Give the tenant's link with the highest number."""
        ...

    async def after(
        self, position: int, limit: int, tenant: Tenant | None = None
    ) -> Sequence[Sealed]:
        """Give facts with their places beyond a position, ascending, of all tenants or of one.

        A reader that goes on from the last position it has seen misses nothing.
        """
        ...

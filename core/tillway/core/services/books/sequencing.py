"""Number what was committed, and seal it (design 7).

Any process may run it: a lease keeps others from working in vain, and the store lets only one
have a position, so that a process that has lost its lease does no harm.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, field

from tillway.core.errors import Unavailable
from tillway.core.events import Event
from tillway.core.ids import EventId
from tillway.core.ports.clock import Clock
from tillway.core.ports.heads import SignsHeads
from tillway.core.ports.store import Link, Store, View
from tillway.core.sealing import seal_of
from tillway.core.tenancy import Tenant

_log = logging.getLogger(__name__)

HEAD = "ledger.head"
"""The type of facts that tell a signed head. They are sealed like all others."""

LEASE_NAME = "sequencer"

_BATCH = 256
_MOST_BATCHES = 64


@define(kw_only=True)
class Sequencer:
    """Give committed facts their places, and publish heads of the chains that grow.

    ``heads`` None: no heads are published. ``every`` is how long a chain grows before its next
    head. ``lease`` is how long others wait for a sequencer that has gone silent.
    """

    store: Store
    clock: Clock
    owner: str
    heads: SignsHeads | None = None
    every: timedelta = timedelta(minutes=1)
    lease: timedelta = timedelta(seconds=10)
    _grown: dict[Tenant, datetime] = field(factory=dict, init=False)

    async def sweep(self) -> int:
        """Seal what has no place yet, a bounded number of facts, and tell how many.

        Nothing if another process is at it, or came before us.
        """
        sealed = 0
        for _ in range(_MOST_BATCHES):
            if not await self._is_ours():
                break
            some = await self._sealed()
            sealed += some
            if some < _BATCH:
                break
        await self._publish()
        return sealed

    async def aclose(self) -> None:
        """Let others go on at once, if they can be told. A repeat does nothing."""
        try:
            async with self.store.begin(once=True) as unit:
                await unit.leases.give_up(LEASE_NAME, self.owner)
        except Unavailable as away:
            _log.warning("the turn at numbering facts is not given up: %s", away)

    async def _is_ours(self) -> bool:
        now = self.clock.now()
        async with self.store.begin(once=True) as unit:
            return await unit.leases.acquire(LEASE_NAME, self.owner, now, now + self.lease)

    async def _sealed(self) -> int:
        async with self.store.view() as view:
            facts = await view.events.unsealed(_BATCH)
            links = await _links(view, facts) if facts else []
        if not links:
            return 0
        async with self.store.begin(once=True) as unit:
            ours = await unit.events.seal(links)
        if not ours:
            return 0
        for fact in facts:
            if fact.type != HEAD:
                self._grown.setdefault(fact.tenant, self.clock.now())
        return len(links)

    async def _publish(self) -> None:
        """Tell the heads of chains that have grown for long enough, if they are to be told."""
        now = self.clock.now()
        due = [tenant for tenant, since in self._grown.items() if now - since >= self.every]
        for tenant in due:
            if self.heads is not None:
                await self._tell(self.heads, tenant, now)
            del self._grown[tenant]

    async def _tell(self, heads: SignsHeads, tenant: Tenant, now: datetime) -> None:
        async with self.store.view(once=True) as view:
            head = await view.events.head(tenant)
        if head is None:
            return
        async with self.store.begin(once=True) as unit:
            await unit.events.append(_told(heads, head, now))


def words_of(head: Link) -> str:
    """Give the text that is signed for a head."""
    return f"tillway head 1\n{head.tenant}\n{head.number}\n{head.position}\n{head.seal}"


async def _links(view: View, facts: Sequence[Event]) -> Sequence[Link]:
    last = await view.events.last()
    position = 0 if last is None else last.position
    heads: dict[Tenant, Link | None] = {
        tenant: await view.events.head(tenant) for tenant in {fact.tenant for fact in facts}
    }
    links = []
    for place, fact in enumerate(facts, start=1):
        link = _next(heads, fact, position + place)
        heads[fact.tenant] = link
        links.append(link)
    return links


def _next(heads: Mapping[Tenant, Link | None], fact: Event, position: int) -> Link:
    head = heads[fact.tenant]
    number = 1 if head is None else head.number + 1
    seal = seal_of("" if head is None else head.seal, number, fact)
    return Link(position=position, tenant=fact.tenant, number=number, fact=fact.id, seal=seal)


def _told(heads: SignsHeads, head: Link, now: datetime) -> Event:
    return Event(
        id=EventId(f"head:{head.number}"),
        tenant=head.tenant,
        type=HEAD,
        at=now,
        body={
            "number": head.number,
            "position": head.position,
            "seal": head.seal,
            "signature": heads.sign(words_of(head)),
            "publicKey": heads.public_key,
        },
    )

"""The log of facts, over layers."""

from collections.abc import Sequence

from attrs import frozen

from tillway.adapters.stores.codec import Codec, EventRow
from tillway.adapters.stores.layered.kinds import EVENTS, LINKS, WAITING, LinkRow, WaitingRow
from tillway.adapters.stores.layered.layers import Layers, Session
from tillway.core.events import Event
from tillway.core.ids import EventId
from tillway.core.ports.store import Link, Sealed
from tillway.core.tenancy import Tenant


@frozen
class LayeredEvents:
    """The log of facts."""

    session: Session
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact, without a place; a repeat of its id does nothing."""
        row = self.codec.event_row(event)
        await self.session.write(lambda layers: append(layers, [row]))

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts but ledger entries, newest first."""
        rows = await self.session.read(
            lambda layers: layers[EVENTS].scan("newest", tenant, backwards=True, limit=limit)
        )
        return [self.codec.event(row) for row in rows]

    async def unsealed(self, limit: int) -> Sequence[Event]:
        """Give facts of all tenants that have no place yet, oldest first."""

        async def found(layers: Layers) -> list[EventRow]:
            waiting = await layers[WAITING].scan("oldest", limit=limit)
            return await _events(layers, waiting)

        return [self.codec.event(row) for row in await self.session.read(found)]

    async def seal(self, links: Sequence[Link]) -> bool:
        """Give facts their places, all or nothing."""
        return await self.session.write(lambda layers: _sealed(layers, links))

    async def last(self) -> Link | None:
        """Give the link with the highest position."""
        row = await self.session.read(lambda layers: layers[LINKS].first("all", backwards=True))
        return None if row is None else _link(row)

    async def head(self, tenant: Tenant) -> Link | None:
        """Give the tenant's link with the highest number."""
        row = await self.session.read(lambda layers: _head(layers, tenant))
        return None if row is None else _link(row)

    async def after(
        self, position: int, limit: int, tenant: Tenant | None = None
    ) -> Sequence[Sealed]:
        """Give facts with their places beyond a position, ascending, of all tenants or of one."""
        order, group = ("all", ()) if tenant is None else ("chain", (tenant,))
        since = (position + 1,)

        async def found(layers: Layers) -> list[tuple[LinkRow, EventRow]]:
            links = await layers[LINKS].scan(order, *group, since=since, limit=limit)
            return list(zip(links, await _events(layers, links), strict=True))

        rows = await self.session.read(found)
        return [Sealed(link=_link(link), event=self.codec.event(row)) for link, row in rows]


async def append(layers: Layers, facts: Sequence[EventRow]) -> None:
    """Write facts, but for those that are known."""
    events = layers[EVENTS]
    known = await events.several((row.tenant, row.id) for row in facts)
    # From the last to the first, so that of two of one id the first one stands.
    fresh = {(row.tenant, row.id): row for row in reversed(facts)}
    for key, row in fresh.items():
        if key not in known:
            events.put(row)
            layers[WAITING].put(WaitingRow(row.tenant, row.id, row.at))


async def _events(
    layers: Layers, places: Sequence[LinkRow] | Sequence[WaitingRow]
) -> list[EventRow]:
    keys = [(place.tenant, place.id) for place in places]
    found = await layers[EVENTS].several(keys)
    return [found[key] for key in keys]


async def _sealed(layers: Layers, links: Sequence[Link]) -> bool:
    last = await layers[LINKS].first("all", backwards=True)
    position = 0 if last is None else last.position
    numbers: dict[str, int] = {}
    for place, link in enumerate(links, start=1):
        if link.tenant not in numbers:
            head = await _head(layers, link.tenant)
            numbers[link.tenant] = 0 if head is None else head.number
        numbers[link.tenant] += 1
        if (link.position, link.number) != (position + place, numbers[link.tenant]):
            return False
    keys = {(link.tenant, str(link.fact)) for link in links}
    if len(keys) < len(links) or len(await layers[WAITING].several(keys)) < len(links):
        return False
    for link in links:
        layers[LINKS].put(LinkRow(link.tenant, link.fact, link.position, link.number, link.seal))
        layers[WAITING].remove(link.tenant, link.fact)
    return True


async def _head(layers: Layers, tenant: str) -> LinkRow | None:
    return await layers[LINKS].first("chain", tenant, backwards=True)


def _link(row: LinkRow) -> Link:
    return Link(
        position=row.position,
        tenant=Tenant(row.tenant),
        number=row.number,
        fact=EventId(row.id),
        seal=row.seal,
    )

"""What repositories of records see, over layers."""

from collections.abc import Collection, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter

from attrs import evolve, frozen

from tillway.adapters.stores.codec import EventRow, LineRow
from tillway.adapters.stores.layered.books import enter, reserve
from tillway.adapters.stores.layered.kinds import (
    ACCOUNTS,
    EVENTS,
    LINES,
    PAYMENTS,
    RECORDS,
    TALLIES,
    TallyRow,
)
from tillway.adapters.stores.layered.layers import Layers, Session
from tillway.adapters.stores.limits import bounded
from tillway.adapters.stores.records.rows import AccountRow, Kind, Row, T, Work
from tillway.core.payments import LIVE


@frozen
class LayeredCalls:
    """Run the calls of repositories of records in a session."""

    session: Session

    async def write(self, work: Work[T], *, steps: bool = True) -> T:
        """Run a call that writes."""
        return await self.session.write(lambda layers: work(LayeredSight(layers)))

    async def read(self, work: Work[T]) -> T:
        """Run a call that reads."""
        return await self.session.read(lambda layers: work(LayeredSight(layers)))


@frozen
class LayeredSight:
    """Rows, totals and books in one unit of work or view."""

    layers: Layers

    async def insert(self, kind: Kind, row: Row) -> bool:
        """Write a new row; False, and nothing written, if its id, mark or slot is taken."""
        layer = self.layers[RECORDS[kind]]
        if await layer.get(row.tenant, row.id) is not None or await self._is_taken(kind, row):
            return False
        layer.put(evolve(row, version=0))
        return True

    async def swap(self, kind: Kind, row: Row) -> bool:
        """Write a row over the version that it names, one version up, with its ``at`` as it is."""
        layer = self.layers[RECORDS[kind]]
        known = await layer.get(row.tenant, row.id)
        if known is None or known.version != row.version or await self._is_taken(kind, row):
            return False
        layer.put(evolve(row, at=known.at, version=known.version + 1))
        return True

    async def remove(self, kind: Kind, tenant: str, name: str) -> bool:
        """Remove a row and tell whether it was there."""
        layer = self.layers[RECORDS[kind]]
        if await layer.get(tenant, name) is None:
            return False
        layer.remove(tenant, name)
        return True

    async def get(self, kind: Kind, tenant: str, name: str) -> Row | None:
        """Give a row."""
        return await self.layers[RECORDS[kind]].get(tenant, name)

    async def marked(self, kind: Kind, tenant: str, mark: str) -> Row | None:
        """Give the row with this mark."""
        return await self.layers[RECORDS[kind]].first("mark", tenant, mark)

    async def slotted(self, kind: Kind, tenant: str, slot: str) -> Row | None:
        """Give the row in this slot."""
        return await self.layers[RECORDS[kind]].first("slot", tenant, slot)

    async def newest(
        self,
        kind: Kind,
        tenant: str,
        limit: int,
        *,
        before: int | None = None,
        group: str | None = None,
        states: Collection[str] | None = None,
    ) -> Sequence[Row]:
        """Give rows with ``at`` below ``before``, newest first."""
        if group is not None and states is not None:
            raise ValueError("a list is of one group, or of some states")
        order: str = "newest"
        groups: list[tuple[str, ...]] = [(tenant,)]
        if group is not None:
            order, groups = "of group", [(tenant, group)]
        if states is not None:
            order, groups = "in state", [(tenant, state) for state in sorted(set(states))]
        below, layer = None if before is None else (before,), self.layers[RECORDS[kind]]
        lists = [
            await layer.scan(order, *names, below=below, backwards=True, limit=limit)
            for names in groups
        ]
        return list(islice(merge(*lists, key=attrgetter("at", "id"), reverse=True), limit))

    async def due(
        self, kind: Kind, states: Collection[str], before: int, limit: int
    ) -> Sequence[Row]:
        """Give rows of all tenants in these states, due before that time."""
        layer = self.layers[RECORDS[kind]]
        lists = [
            await layer.scan("due", state, below=(before,), limit=limit)
            for state in sorted(set(states))
        ]
        return list(islice(merge(*lists, key=attrgetter("due", "tenant", "id")), limit))

    async def count(
        self, kind: Kind, tenant: str, group: str, state: str, due_from: int, most: int
    ) -> int:
        """Count a group's rows in a state that are due at or after that time, to ``most``."""
        layer = self.layers[RECORDS[kind]]
        found = await layer.scan("standing", tenant, group, state, since=(due_from,), limit=most)
        return len(found)

    async def in_order(self, kind: Kind, tenant: str, limit: int) -> Sequence[Row]:
        """Give a tenant's rows by id, ascending."""
        return await self.layers[RECORDS[kind]].scan("all", tenant, limit=limit)

    async def take(self, tenant: str, chain: str, name: str, change: int, most: int | None) -> bool:
        """Add to a total if that leaves it at ``most`` at most; else False, and nothing added."""
        tallies = self.layers[TALLIES]
        known = await tallies.get(tenant, chain, name)
        total = (0 if known is None else known.total) + change
        if most is not None and total > most:
            return False
        bounded(total)
        if total:
            tallies.put(TallyRow(tenant, chain, name, total))
        else:
            tallies.remove(tenant, chain, name)
        return True

    async def enter(self, fact: EventRow, lines: Sequence[LineRow]) -> int | None:
        """Write an entry's fact and lines, and change the accounts."""
        return await enter(self.layers, fact, lines)

    async def fact(self, tenant: str, name: str) -> EventRow | None:
        """Give a fact by its id."""
        return await self.layers[EVENTS].get(tenant, name)

    async def account(self, tenant: str, name: str) -> AccountRow | None:
        """Give an account as it stands."""
        return await self.layers[ACCOUNTS].get(tenant, name)

    async def accounts(self, tenant: str, limit: int, after: str) -> Sequence[AccountRow]:
        """Give accounts with names beyond ``after``, ascending."""
        rows = await self.layers[ACCOUNTS].scan(
            "all", tenant, since=(tenant, after), limit=limit + 1
        )
        return [row for row in rows if row.name > after][:limit]

    async def lines(
        self, tenant: str, account: str, limit: int, before: tuple[int, str] | None
    ) -> Sequence[LineRow]:
        """Give an account's lines, newest first."""
        found = await self.layers[LINES].scan(
            "history", tenant, account, below=before, backwards=True, limit=limit
        )
        return [
            LineRow(
                tenant=row.tenant,
                entry=row.entry,
                place=row.place,
                account=row.account,
                at=row.at,
                minor=row.minor,
                asset=row.asset,
            )
            for row in found
        ]

    async def reserve(self, tenant: str, account: str, change: int, least: int | None) -> bool:
        """Change what is free in an account, and not its total, if ``least`` is left at least."""
        return await reserve(self.layers, tenant, account, change, least)

    async def is_live(self, chain: str, key: str) -> bool:
        """Tell whether there is a live payment with this key."""
        row = await self.layers[PAYMENTS].get(chain, key)
        return row is not None and row.state in LIVE

    async def _is_taken(self, kind: Kind, row: Row) -> bool:
        """Tell whether another row has the mark or the slot that this one would have."""
        layer = self.layers[RECORDS[kind]]
        for order, name in (("mark", row.mark), ("slot", row.slot)):
            if name is not None:
                other = await layer.first(order, row.tenant, name)
                if other is not None and other.id != row.id:
                    return True
        return False

"""The log of facts in PostgreSQL, and facts as functions take them."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from tillway.adapters.stores.codec import Codec, EventRow, LineRow
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.postgres.pool import Lent
from tillway.adapters.stores.postgres.sessions import Session
from tillway.core.events import Event
from tillway.core.ids import EventId
from tillway.core.ports.store import Link, Sealed
from tillway.core.tenancy import Tenant

# Every name in these statements is ours (see names.py).
EVENT: Final = "tenant, id, type, at, body"
_LINK: Final = "position, tenant, number, id, seal"
_APPEND: Final = "SELECT tillway_append($1, $2, $3, $4, $5)"
_NEWEST: Final = f"SELECT {EVENT} FROM tillway_newest_events($1, $2)"  # noqa: S608 - as above
_UNSEALED: Final = f"SELECT {EVENT} FROM tillway_unsealed($1)"  # noqa: S608 - as above
_GIVE_PLACES: Final = "SELECT tillway_give_places($1, $2, $3, $4, $5)"
_LAST: Final = f"SELECT {_LINK} FROM tillway_last()"  # noqa: S608 - as above
_HEAD: Final = f"SELECT {_LINK} FROM tillway_head($1)"  # noqa: S608 - as above
_AFTER: Final = f"SELECT {_LINK}, {EVENT} FROM tillway_after($1, $2, $3)"  # noqa: S608 - as above
_AFTER_OF_ALL: Final = f"SELECT {_LINK}, {EVENT} FROM tillway_after_of_all($1, $2)"  # noqa: S608 - as above


@frozen
class PostgresEvents:
    """The log of facts."""

    session: Session
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact, without a place; a repeat of its id does nothing."""

        async def work(sql: Lent) -> None:
            row = self.codec.event_row(event)
            await sql.run(_APPEND, event.tenant, *fact_columns([row]))

        await self.session.write(work)

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts but ledger entries, newest first."""
        return await self._events(_NEWEST, tenant, checked(limit))

    async def unsealed(self, limit: int) -> Sequence[Event]:
        """Give facts of all tenants that have no place yet, oldest first."""
        return await self._events(_UNSEALED, checked(limit))

    async def seal(self, links: Sequence[Link]) -> bool:
        """Give facts their places, all or nothing. Their accounts are folded with it."""

        async def work(sql: Lent) -> bool:
            return bool(await sql.value(_GIVE_PLACES, *_columns(links)))

        return await self.session.write(work)

    async def last(self) -> Link | None:
        """Give the link with the highest position."""
        return await self._link(_LAST)

    async def head(self, tenant: Tenant) -> Link | None:
        """Give the tenant's link with the highest number."""
        return await self._link(_HEAD, tenant)

    async def after(
        self, position: int, limit: int, tenant: Tenant | None = None
    ) -> Sequence[Sealed]:
        """Give facts with their places beyond a position, ascending, of all tenants or of one."""
        of_one = () if tenant is None else (tenant,)
        statement = _AFTER_OF_ALL if tenant is None else _AFTER

        async def work(sql: Lent) -> Sequence[Sealed]:
            rows = await sql.run(statement, *of_one, position, checked(limit))
            return [
                Sealed(link=_link(row[:5]), event=self.codec.event(EventRow(*row[5:])))
                for row in rows
            ]

        return await self.session.read(work)

    async def _events(self, statement: str, *values: object) -> Sequence[Event]:
        async def work(sql: Lent) -> Sequence[Event]:
            rows = await sql.run(statement, *values)
            return [self.codec.event(EventRow(*row)) for row in rows]

        return await self.session.read(work)

    async def _link(self, statement: str, *values: object) -> Link | None:
        async def work(sql: Lent) -> Link | None:
            rows = await sql.run(statement, *values)
            return _link(rows[0]) if rows else None

        return await self.session.read(work)


def fact_columns(facts: Sequence[EventRow]) -> Sequence[list[object]]:
    """Give facts of one tenant as the functions take them."""
    return (
        [row.id for row in facts],
        [row.type for row in facts],
        [row.at for row in facts],
        [row.body for row in facts],
    )


def told_columns(
    facts: Sequence[EventRow], entries: Sequence[tuple[EventRow, Sequence[LineRow]]]
) -> Sequence[list[object]]:
    """Give facts and entries of one tenant as the functions take them, each entry once."""
    first = {fact.id: (fact, lines) for fact, lines in reversed(entries)}
    lines = [(fact.id, line) for fact, some in first.values() for line in some]
    return (
        *fact_columns([*facts, *(fact for fact, _ in first.values())]),
        [name for name, _ in lines],
        [line.entry for _, line in lines],
        [line.place for _, line in lines],
        [line.account for _, line in lines],
        [line.minor for _, line in lines],
        [line.asset for _, line in lines],
    )


def _columns(links: Sequence[Link]) -> Sequence[list[object]]:
    return (
        [link.tenant for link in links],
        [link.fact for link in links],
        [link.position for link in links],
        [link.number for link in links],
        [link.seal for link in links],
    )


def _link(row: Sequence[Any]) -> Link:
    position, tenant, number, fact, seal = row
    return Link(
        position=position,
        tenant=Tenant(tenant),
        number=number,
        fact=EventId(fact),
        seal=seal,
    )

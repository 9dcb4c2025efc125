"""Tables of records in PostgreSQL: the type of the table chooses the function."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import fields, frozen

from tillway.adapters.stores.postgres.pool import Lent, Rows
from tillway.adapters.stores.records.rows import Kind, Row

_COLUMNS: Final = "tenant, id, at, body, state, grp, mark, slot, due, version"
_FIELDS: Final = tuple(field.name for field in fields(Row))


def _of(call: str, columns: str = "") -> Mapping[Kind, str]:
    """Give a call for each kind; ``call`` has a mark where its type stands.

    Every name in it is ours (see names.py); what comes from outside is always a parameter.
    """
    begin = f"SELECT {columns} FROM" if columns else "SELECT"
    return {kind: f"{begin} {call.replace('?', f'NULL::tillway_{kind}')}" for kind in Kind}


_INSERT: Final = _of("tillway_row_insert(?, $1, $2, $3, $4, $5, $6, $7, $8, $9)")
_SWAP: Final = _of("tillway_row_swap(?, $1, $2, $3, $4, $5, $6, $7, $8, $9)")
_REMOVE: Final = _of("tillway_row_remove(?, $1, $2)")
_COUNT: Final = _of("tillway_row_count(?, $1, $2, $3, $4, $5)")
# The function's own query has a snapshot of its own, which is taken once the group is held.
_COUNT_HELD: Final = _of("tillway_row_count(?, $1, $2, $3, $4, $5) FROM tillway_hold($6)")
_GET: Final = _of("tillway_row_get(?, $1, $2, $3)", _COLUMNS)
_MARKED: Final = _of("tillway_row_marked(?, $1, $2, $3)", _COLUMNS)
_SLOTTED: Final = _of("tillway_row_slotted(?, $1, $2, $3)", _COLUMNS)
_NEWEST: Final = _of("tillway_row_newest(?, $1, $2, $3, $4)", _COLUMNS)
_IN_GROUP: Final = _of("tillway_row_in_group(?, $1, $2, $3, $4, $5)", _COLUMNS)
_IN_STATES: Final = _of("tillway_row_in_states(?, $1, $2, $3, $4, $5)", _COLUMNS)
_IN_ORDER: Final = _of("tillway_row_in_order(?, $1, $2, $3)", _COLUMNS)
_DUE: Final = _of("tillway_row_due(?, $1, $2, $3, $4)", _COLUMNS)


@frozen
class PostgresRows:
    """Tables of records. ``held``: what is found stays as it is until the transaction ends."""

    sql: Lent
    held: bool

    async def insert(self, kind: Kind, row: Row) -> bool:
        """Write a new row; False, and nothing written, if its id, mark or slot is taken."""
        names = row.tenant, row.id, row.state, row.group, row.mark, row.slot
        return bool(await self.sql.value(_INSERT[kind], *names, row.due, row.at, row.body))

    async def swap(self, kind: Kind, row: Row) -> bool:
        """Write a row over the version that it names, one version up, with its ``at`` as it is."""
        names = row.state, row.group, row.mark, row.slot
        return bool(
            await self.sql.value(
                _SWAP[kind], row.tenant, row.id, row.version, *names, row.due, row.body
            )
        )

    async def remove(self, kind: Kind, tenant: str, name: str) -> bool:
        """Remove a row and tell whether it was there."""
        return bool(await self.sql.value(_REMOVE[kind], tenant, name))

    async def get(self, kind: Kind, tenant: str, name: str) -> Row | None:
        """Give a row."""
        return await self._one(_GET[kind], tenant, name)

    async def marked(self, kind: Kind, tenant: str, mark: str) -> Row | None:
        """Give the row with this mark."""
        return await self._one(_MARKED[kind], tenant, mark)

    async def slotted(self, kind: Kind, tenant: str, slot: str) -> Row | None:
        """Give the row in this slot."""
        return await self._one(_SLOTTED[kind], tenant, slot)

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
        if group is not None:
            return await self._some(_IN_GROUP[kind], tenant, group, before, limit)
        if states is not None:
            return await self._some(_IN_STATES[kind], tenant, list(states), before, limit)
        return await self._some(_NEWEST[kind], tenant, before, limit)

    async def due(
        self, kind: Kind, states: Collection[str], before: int, limit: int
    ) -> Sequence[Row]:
        """Give rows of all tenants in these states, due before that time.

        What others hold is left out.
        """
        return await self._some(_DUE[kind], list(states), before, limit)

    async def count(
        self, kind: Kind, tenant: str, group: str, state: str, due_from: int, most: int
    ) -> int:
        """Count a group's rows in a state that are due at or after that time, to ``most``."""
        asked = (tenant, group, state, due_from, most)
        if not self.held:
            return int(await self.sql.value(_COUNT[kind], *asked))
        whole = f"{kind} {tenant} {group}"
        return int(await self.sql.value(_COUNT_HELD[kind], *asked, whole))

    async def in_order(self, kind: Kind, tenant: str, limit: int) -> Sequence[Row]:
        """Give a tenant's rows by id, ascending."""
        return await self._some(_IN_ORDER[kind], tenant, limit)

    async def _one(self, statement: str, *values: object) -> Row | None:
        found = await self._some(statement, *values)
        return found[0] if found else None

    async def _some(self, statement: str, *values: object) -> Sequence[Row]:
        return _rows(await self.sql.run(statement, *values, self.held))


def _rows(found: Rows) -> Sequence[Row]:
    return [Row(**dict(zip(_FIELDS, columns, strict=True))) for columns in found]

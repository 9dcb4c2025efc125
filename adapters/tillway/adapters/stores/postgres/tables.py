"""Rows of a table of somebody else's in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from attrs import define, field

from tillway.adapters.stores.mapped.layout import Kind, Layout, TableMapping, resolved
from tillway.adapters.stores.mapped.row import Row, parsed
from tillway.adapters.stores.postgres.faults import unavailable
from tillway.adapters.stores.postgres.lender import Lender
from tillway.adapters.stores.postgres.pool import Lent
from tillway.adapters.stores.postgres.sessions import single
from tillway.core.errors import Fault
from tillway.core.ports.definitions import Misfit
from tillway.core.tenancy import DEFAULT, Tenant

_OID: Final = "SELECT to_regclass($1)::oid"
_COLUMNS: Final = (
    "SELECT attname::text FROM pg_attribute"
    " WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
)


@define(eq=False, kw_only=True)
class TableRows:
    """The rows of a table, whatever the types of its columns. ``SELECT`` is all that it takes."""

    lender: Lender
    mapping: TableMapping
    _layout: Layout | None = field(init=False, default=None)

    @property
    def kind(self) -> Kind:
        """What they are rows of."""
        return self.mapping.kind

    async def named(self, tenant: Tenant, name: str, most: int) -> Sequence[Row]:
        """Give the tenant's rows of this name."""
        return await self._rows(tenant, most, name)

    async def all(self, tenant: Tenant, most: int) -> Sequence[Row]:
        """Give the tenant's rows by name."""
        return await self._rows(tenant, most)

    async def start(self) -> None:
        """Open the database and look at the table. Raises Unavailable, or Misfit."""
        await self.lender.reach()
        self.lender.open(self)
        self._layout = await self._looked()
        try:
            await self._asked(_statement(self._layout, one=False), DEFAULT, 0)
        except asyncpg.PostgresError as error:
            raise _unusable(self.mapping.table, error) from error

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        await self.lender.close(self)

    async def _looked(self) -> Layout:
        """Find the columns. Misfit names all that are missing."""
        quoted = _quoted(self.mapping.table)
        if (await self._asked(_OID, quoted))[0][0] is None:
            message = f"there is no table {self.mapping.table}"
            raise Misfit([Fault(field="table_name", message=message)])
        return resolved(self.mapping, {name for (name,) in await self._asked(_COLUMNS, quoted)})

    async def _rows(self, tenant: Tenant, most: int, *names: str) -> Sequence[Row]:
        layout = self._layout
        if layout is None:
            raise unavailable("is not open")
        if not layout.owns(tenant):
            return []
        try:
            found = await self._asked(_statement(layout, one=bool(names)), tenant, most, *names)
        except asyncpg.PostgresError as error:
            raise unavailable("has a table that cannot be read") from error
        return [Row(layout, parsed(text)) for (text,) in found]

    async def _asked(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        async def work(sql: Lent) -> Sequence[Sequence[Any]]:
            return await sql.plain(statement, *values)

        async with single(self.lender.pool(), writable=False) as session:
            return await session.read(work)


def _unusable(table: str, error: asyncpg.PostgresError) -> Misfit:
    said = " ".join(str(error).split())
    return Misfit([Fault(field="table_name", message=f"{table} cannot be read ({said})")])


def _statement(layout: Layout, *, one: bool) -> str:
    """Write the query: parameters are the tenant, the most rows, and for ``one`` its name.

    Each row comes as JSON, whatever its columns' types, with numbers as they are written and
    times as ISO 8601. Names are compared and sorted as texts, by code point.
    """
    columns = ", ".join(_quoted(each) for each in layout.asked)
    name, tenant = layout.columns[layout.kind.name], layout.columns.get("tenant_id")
    owned = f"{_quoted(tenant)}::text = $1" if tenant else "$1::text IS NOT NULL"
    wanted = f" AND {_quoted(name)}::text = $3" if one else ""
    # Identifiers are checked by the settings and quoted here; whatever is a value is a parameter.
    return (
        f"SELECT row_to_json(one)::text FROM (SELECT {columns} FROM {_quoted(layout.table)}"  # noqa: S608 - as above
        f' WHERE {owned}{wanted} ORDER BY {_quoted(name)}::text COLLATE "C" LIMIT $2) AS one'
    )


def _quoted(name: str) -> str:
    """Quote an identifier, with its schema or without."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

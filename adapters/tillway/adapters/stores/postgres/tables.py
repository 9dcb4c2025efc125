"""Definitions in a table of somebody else's, which is read as it is and never written."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import asyncpg
from attrs import define, field, frozen

from tillway.adapters.stores.mapped.layout import Kind, Layout, Transform, resolved
from tillway.adapters.stores.mapped.row import Row, Unreadable, parsed
from tillway.adapters.stores.postgres.faults import unavailable
from tillway.adapters.stores.postgres.lender import Lender
from tillway.adapters.stores.postgres.pool import Lent
from tillway.adapters.stores.postgres.sessions import single
from tillway.core.errors import Code, Fault, Unavailable
from tillway.core.ports.definitions import Misfit
from tillway.core.tenancy import DEFAULT, Tenant

_log = logging.getLogger(__name__)

Name = TypeVar("Name", bound=str)
Defined = TypeVar("Defined")

_MOST: Final = 10_000
_OID: Final = "SELECT to_regclass($1)::oid"
_COLUMNS: Final = (
    "SELECT attname::text FROM pg_attribute"
    " WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
)


@frozen(kw_only=True)
class TableMapping:
    """What the settings say of a table: its name, its columns, and what is done to them."""

    kind: Kind
    table: str
    field_map: Mapping[str, str] = field(factory=dict)
    transforms: Mapping[str, Transform] = field(factory=dict)


@define(eq=False, kw_only=True)
class TableDefinitions(Generic[Name, Defined]):
    """Products or coupons in a table that is not ours.

    It is never written: a table's owner may have rules that we do not know, and what a constant
    or a member of JSON came from cannot be told from the product. Rows without a column for the
    tenant are those of the default tenant.
    """

    lender: Lender
    mapping: TableMapping
    read: Callable[[Row], Defined]
    _layout: Layout | None = field(init=False, default=None)

    async def get(self, tenant: Tenant, name: Name) -> Defined | None:
        """Give the definition of a row. Unavailable if the row makes no sense."""
        found = await self._rows(tenant, name)
        try:
            return self._only(found) if found else None
        except Unreadable as error:
            _log.error("a %s cannot be sold: %s", self.mapping.kind.what, error)
            text = f"This {self.mapping.kind.what} cannot be read at present."
            raise Unavailable(Code.SERVICE_UNAVAILABLE, text) from error

    async def all(self, tenant: Tenant) -> Sequence[Defined]:
        """Give the tenant's definitions by name; rows that make no sense are logged."""
        rows = await self._rows(tenant, None)
        twins = Counter(row.name for row in rows)
        return list(self._readable(rows, twins))

    async def start(self) -> None:
        """Open the database and look at the table. Raises Unavailable, or Misfit."""
        await self.lender.reach()
        self.lender.open(self)
        self._layout = await self._looked()
        try:
            await self._asked(_statement(self._layout, one=False), [DEFAULT, 0])
        except asyncpg.PostgresError as error:
            raise _unusable(self.mapping.table, error) from error

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        await self.lender.close(self)

    async def faults(self, tenant: Tenant) -> Sequence[str]:
        """Say what is wrong with the tenant's rows."""
        rows = await self._rows(tenant, None)
        twins = Counter(row.name for row in rows)
        found = (self._fault(row, twins) for row in rows)
        return [str(fault) for fault in found if fault is not None]

    async def _looked(self) -> Layout:
        """Find the columns. Misfit names all that are missing."""
        mapping, quoted = self.mapping, _quoted(self.mapping.table)
        if (await self._asked(_OID, [quoted]))[0][0] is None:
            there = Fault(field="table_name", message=f"there is no table {mapping.table}")
            raise Misfit([there])
        there_are = {name for (name,) in await self._asked(_COLUMNS, [quoted])}
        return resolved(
            mapping.kind, mapping.table, mapping.field_map, mapping.transforms, there_are
        )

    async def _rows(self, tenant: Tenant, name: Name | None) -> Sequence[Row]:
        layout = self._layout
        if layout is None:
            raise unavailable("is not open")
        if not _owns(layout, tenant):
            return []
        values: list[object] = [tenant, _MOST] if name is None else [tenant, 2, name]
        try:
            found = await self._asked(_statement(layout, one=name is not None), values)
        except asyncpg.PostgresError as error:
            raise unavailable("has a table that cannot be read") from error
        return [Row(layout, parsed(text)) for (text,) in found]

    async def _asked(self, statement: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        async def work(sql: Lent) -> Sequence[Sequence[Any]]:
            return await sql.plain(statement, *values)

        async with single(self.lender.pool(), writable=False) as session:
            return await session.read(work)

    def _only(self, found: Sequence[Row]) -> Defined:
        if len(found) > 1:
            raise _twin(found[0])
        return self.read(found[0])

    def _readable(self, rows: Sequence[Row], twins: Mapping[str, int]) -> Iterator[Defined]:
        for row in rows:
            fault = self._fault(row, twins)
            if fault is None:
                yield self.read(row)
            else:
                _log.error("left out: %s", fault)

    def _fault(self, row: Row, twins: Mapping[str, int]) -> Unreadable | None:
        if twins[row.name] > 1:
            return _twin(row)
        try:
            self.read(row)
        except Unreadable as error:
            return error
        return None


def _twin(row: Row) -> Unreadable:
    return row.fault(row.layout.kind.name, "must be of one row only")


def _unusable(table: str, error: asyncpg.PostgresError) -> Misfit:
    said = " ".join(str(error).split())
    return Misfit([Fault(field="table_name", message=f"{table} cannot be read ({said})")])


def _owns(layout: Layout, tenant: Tenant) -> bool:
    """Tell whether rows of this tenant can be in the table."""
    if "tenant_id" in layout.columns:
        return True
    return tenant == (layout.transform("tenant_id").constant or DEFAULT)


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

"""Definitions out of somebody else's rows, wherever they are: read as they are, never written."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

from attrs import define

from tillway.adapters.stores.mapped.layout import Kind
from tillway.adapters.stores.mapped.row import Row, Unreadable
from tillway.core.errors import Code, Unavailable
from tillway.core.tenancy import Tenant

_log = logging.getLogger(__name__)

Name = TypeVar("Name", bound=str)
Defined = TypeVar("Defined")

_MOST: Final = 10_000


class Rows(Protocol):
    """Where rows are: what a technology has to bring."""

    @property
    def kind(self) -> Kind:
        """What they are rows of."""
        ...

    async def named(self, tenant: Tenant, name: str, most: int) -> Sequence[Row]:
        """Give the tenant's rows of this name. Raises Unavailable."""
        ...

    async def all(self, tenant: Tenant, most: int) -> Sequence[Row]:
        """Give the tenant's rows by name, ascending by code point. Raises Unavailable."""
        ...

    async def start(self) -> None:
        """Open the place and look at it. Raises Unavailable, or Misfit."""
        ...

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        ...


@define(eq=False, kw_only=True)
class MappedDefinitions(Generic[Name, Defined]):
    """Products or coupons in a place that is not ours.

    It is never written: its owner may have rules that we do not know, and what a constant or a
    member of JSON came from cannot be told from the product. Rows without a column for the
    tenant are those of the default tenant, or of the one that is a constant.
    """

    rows: Rows
    read: Callable[[Row], Defined]

    async def get(self, tenant: Tenant, name: Name) -> Defined | None:
        """Give the definition of a row. Unavailable if the row makes no sense."""
        found = await self.rows.named(tenant, name, 2)
        try:
            return self._only(found) if found else None
        except Unreadable as error:
            what = self.rows.kind.what
            _log.error("a %s cannot be sold: %s", what, error)
            text = f"This {what} cannot be read at present."
            raise Unavailable(Code.SERVICE_UNAVAILABLE, text) from error

    async def all(self, tenant: Tenant) -> Sequence[Defined]:
        """Give the tenant's definitions by name; rows that make no sense are logged."""
        good, faults = await self._sorted_out(tenant)
        for fault in faults:
            _log.error("left out: %s", fault)
        return good

    async def faults(self, tenant: Tenant) -> Sequence[str]:
        """Say what is wrong with the tenant's rows."""
        _, faults = await self._sorted_out(tenant)
        return [str(fault) for fault in faults]

    async def start(self) -> None:
        """Open the place and look at it. Raises Unavailable, or Misfit."""
        await self.rows.start()

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        await self.rows.aclose()

    def _only(self, found: Sequence[Row]) -> Defined:
        if len(found) > 1:
            raise _twin(found[0])
        return self.read(found[0])

    async def _sorted_out(self, tenant: Tenant) -> tuple[Sequence[Defined], Sequence[Unreadable]]:
        rows = await self.rows.all(tenant, _MOST)
        twins = Counter(row.name for row in rows)
        good: list[Defined] = []
        faults: list[Unreadable] = []
        for row in rows:
            try:
                good.append(self._lone(row, twins))
            except Unreadable as error:
                faults.append(error)
        return good, faults

    def _lone(self, row: Row, twins: Mapping[str, int]) -> Defined:
        if twins[row.name] > 1:
            raise _twin(row)
        return self.read(row)


def _twin(row: Row) -> Unreadable:
    return row.fault(row.layout.kind.name, "must be of one row only")

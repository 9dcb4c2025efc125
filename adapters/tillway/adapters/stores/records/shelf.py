"""Values of one kind as rows, and how a value is changed under a condition."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import orjson
from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.records.rows import Kind, Row, Rows

V = TypeVar("V")


def joined(*parts: str) -> str:
    """Join texts so that different ones never come out the same."""
    return orjson.dumps(parts).decode()


@frozen
class Stored(Generic[V]):
    """A value and the row that it was read from."""

    value: V
    row: Row


@frozen
class Shelf(Generic[V]):
    """One kind of values. ``columns`` gives a value's row without its body and version."""

    kind: Kind
    of: type[V]
    columns: Callable[[V], Row]

    def row(self, value: V, codec: Codec, version: int = 0) -> Row:
        """Write a value as a row."""
        return evolve(self.columns(value), body=codec.text(value), version=version)

    def read(self, row: Row, codec: Codec) -> V:
        """Read a value from its row."""
        return codec.value(row.body, self.of)

    async def insert(self, rows: Rows, codec: Codec, value: V) -> bool:
        """Write a new value; False if its id, mark or slot is taken."""
        return await rows.insert(self.kind, self.row(value, codec))

    async def swap(self, rows: Rows, codec: Codec, value: V, stored: Stored[V]) -> bool:
        """Write a value over the one that was read; False if that one has changed meanwhile."""
        return await rows.swap(self.kind, self.row(value, codec, stored.row.version))

    async def find(self, rows: Rows, codec: Codec, tenant: str, name: str) -> Stored[V] | None:
        """Read a value to change it."""
        row = await rows.get(self.kind, tenant, name)
        return None if row is None else Stored(self.read(row, codec), row)

    async def get(self, rows: Rows, codec: Codec, tenant: str, name: str) -> V | None:
        """Read a value."""
        found = await self.find(rows, codec, tenant, name)
        return None if found is None else found.value

    def all(self, rows: Iterable[Row], codec: Codec) -> Sequence[V]:
        """Read some values."""
        return [self.read(row, codec) for row in rows]


def blank(**columns: Any) -> Row:
    """Give a row that has no body yet."""
    return Row(body="", **columns)

"""Whether the columns and transforms of tables that are not ours can be meant."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import frozen

from tillway.adapters.stores.mapped.layout import COUPON, NUMBERS, PRODUCT, Kind
from tillway.entrypoints.settings.draft import Draft
from tillway.entrypoints.settings.scalars import did_you_mean
from tillway.plugins.rules import identifier
from tillway.plugins.settings.mapping import MappedTable, TransformSettings
from tillway.plugins.settings.storage import StorageSettings

_TENANT: Final = "tenant_id"


def check_mappings(draft: Draft) -> None:
    """Name every field that there is not, and every column and transform that cannot be."""
    storage = draft.find(StorageSettings)
    if storage is None:
        return
    mapping = storage.schema_mapping
    for kind, name, table in (
        (PRODUCT, "products", mapping.products),
        (COUPON, "coupons", mapping.coupons),
    ):
        key = f"storage.schema_mapping.{name}"
        for path, message in _Checked(kind, table).faults():
            if draft.is_sound(f"{key}.{path}"):
                draft.refuse(f"{key}.{path}", message)


@frozen
class _Checked:
    kind: Kind
    table: MappedTable

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from self._unknown("field_map", self.table.field_map)
        yield from self._unknown("transforms", self.table.transforms)
        for field, column in self.table.field_map.items():
            message = self._column(field, column)
            if message is not None:
                yield f"field_map.{field}", message
        for field, transform in self.table.transforms.items():
            for name, message in self._transform(field, transform):
                yield f"transforms.{field}.{name}", message

    def _unknown(self, block: str, names: Mapping[str, object]) -> Iterable[tuple[str, str]]:
        for name in names:
            if name not in self.kind.fields:
                hint = did_you_mean(name, tuple(self.kind.fields))
                yield f"{block}.{name}", f"is no field of a {self.kind.what}{hint}"

    def _column(self, field: str, column: str) -> str | None:
        transform = self.table.transforms.get(field)
        if transform is not None and transform.constant is not None:
            return "is not used: a constant stands in for the column"
        if not column and field in self.kind.required:
            return "must be a column: there is no default"
        wrong = "." in column or identifier(column)
        return "must be a name of letters, digits and underscores" if wrong else None

    def _transform(self, field: str, transform: TransformSettings) -> Iterator[tuple[str, str]]:
        for name in ("multiply", "divide"):
            if getattr(transform, name) is not None and field not in NUMBERS:
                yield (
                    name,
                    f"is for {', '.join(each for each in NUMBERS if each in self.kind.fields)}",
                )
        if field == self.kind.name:
            yield from ((name, "cannot be: rows are found by it") for name in _said(transform))
        if field == _TENANT and transform.json_field:
            yield "json_field", "cannot be: rows are found by it"


def _said(transform: TransformSettings) -> Iterator[str]:
    if transform.json_field:
        yield "json_field"
    if transform.constant is not None:
        yield "constant"

"""From settings to a mapping of rows that are not ours."""

from typing import TYPE_CHECKING

from tillway.plugins.settings.mapping import MappedTable

if TYPE_CHECKING:
    from tillway.adapters.stores.mapped.layout import Kind, TableMapping


def mapping_of(kind: "Kind", table: str, settings: MappedTable) -> "TableMapping":
    """Give the mapping of a table or collection of that name."""
    from tillway.adapters.stores.mapped.layout import TableMapping, Transform

    transforms = {
        name: Transform(
            multiply=each.multiply,
            divide=each.divide,
            json_field=each.json_field,
            constant=each.constant,
        )
        for name, each in settings.transforms.items()
    }
    return TableMapping(kind=kind, table=table, field_map=settings.field_map, transforms=transforms)

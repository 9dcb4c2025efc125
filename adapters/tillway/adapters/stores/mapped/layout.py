"""Which column of a table a field of ours is, and what is done to its value."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from tillway.core.errors import Fault
from tillway.core.ports.definitions import Misfit
from tillway.core.tenancy import DEFAULT, Tenant


@frozen(kw_only=True)
class Transform:
    """What is done to a column's value; there is nothing freer than this.

    ``constant`` stands in for a column. ``json_field`` takes a member of an object, by its path
    with dots; a number is then multiplied or divided, exactly.
    """

    multiply: Decimal | None = None
    divide: Decimal | None = None
    json_field: str = ""
    constant: str | None = None


NONE: Final = Transform()


@frozen(kw_only=True)
class Kind:
    """What is read of one kind of definitions.

    ``name`` identifies a row. ``required`` are never empty in a row. ``lenient`` may be
    missing from a table without a word about it; for the others their absence must be stated.
    """

    what: str
    name: str
    fields: Sequence[str]
    required: Collection[str]
    lenient: Collection[str]


PRODUCT: Final = Kind(
    what="product",
    name="id",
    fields=(
        "id",
        "tenant_id",
        "description",
        "fiat_amount",
        "fiat_currency",
        "stripe_price_id",
        "crypto_amount",
        "crypto_token",
        "crypto_account",
        "memo_template",
        "metadata",
        "active",
        "subscription",
        "created_at",
        "updated_at",
    ),
    required=("id",),
    lenient=("subscription", "created_at", "updated_at"),
)

COUPON: Final = Kind(
    what="coupon",
    name="code",
    fields=(
        "code",
        "tenant_id",
        "discount_type",
        "discount_value",
        "currency",
        "scope",
        "product_ids",
        "payment_method",
        "auto_apply",
        "applies_at",
        "usage_limit",
        "usage_count",
        "starts_at",
        "expires_at",
        "active",
        "metadata",
        "created_at",
        "updated_at",
    ),
    required=("code", "discount_type", "discount_value", "scope"),
    lenient=("created_at", "updated_at"),
)

NUMBERS: Final = ("fiat_amount", "crypto_amount", "discount_value")
"""Fields that can be multiplied and divided."""


@frozen(kw_only=True)
class TableMapping:
    """What the settings say of a table: its name, its columns, and what is done to them."""

    kind: Kind
    table: str
    field_map: Mapping[str, str] = field(factory=dict)
    transforms: Mapping[str, Transform] = field(factory=dict)


@frozen(kw_only=True)
class Layout:
    """A table, and the column of each field; a field without one is not mentioned.

    ``table`` may have its schema before a dot. Names are as the settings have checked them.
    """

    kind: Kind
    table: str
    columns: Mapping[str, str]
    transforms: Mapping[str, Transform] = field(factory=dict)

    @property
    def asked(self) -> Sequence[str]:
        """Name the columns that are read, each once."""
        return tuple(dict.fromkeys(self.columns.values()))

    def transform(self, name: str) -> Transform:
        """Give what is done to a field."""
        return self.transforms.get(name, NONE)

    def owns(self, tenant: Tenant) -> bool:
        """Tell whether rows of this tenant can be in the table."""
        if "tenant_id" in self.columns:
            return True
        return tenant == (self.transform("tenant_id").constant or DEFAULT)

    def where(self, name: str) -> str:
        """Give the column of a field, or what stands in for it."""
        return self.columns.get(name) or f"{name} (constant)"


def resolved(mapping: TableMapping, there: Collection[str]) -> Layout:
    """Find each field's column among those that are there; Misfit names all that are not.

    A field that is not mapped has the column of its own name. One that is mapped to nothing has
    none, and then its default; so has a lenient one whose column is not there.
    """
    kind, field_map, transforms = mapping.kind, mapping.field_map, mapping.transforms
    columns: dict[str, str] = {}
    faults: list[Fault] = []
    for name in kind.fields:
        column = field_map.get(name, name)
        if transforms.get(name, NONE).constant is not None or not column:
            continue
        if column in there:
            columns[name] = column
        elif name in field_map or name not in kind.lenient:
            faults.append(_missing(kind, name, column, mapping.table))
    if faults:
        raise Misfit(faults)
    frozen_transforms = MappingProxyType(dict(transforms))
    return Layout(kind=kind, table=mapping.table, columns=columns, transforms=frozen_transforms)


def _missing(kind: Kind, name: str, column: str, table: str) -> Fault:
    hint = "" if name in kind.required else " (or map it to '' if there is none)"
    message = f"must be a column of {table}, and {column} is none: name the right one{hint}"
    return Fault(field=f"field_map.{name}", message=message)

"""How a table that is not ours holds products or coupons."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from attrs import frozen

from tillway.plugins.rules import column_path, identifier, positive
from tillway.plugins.setting import Rule, setting


def _something(multiply: object, divide: object, json_field: str, constant: object) -> str | None:
    said = multiply is not None or divide is not None or json_field or constant is not None
    return None if said else "must say multiply, divide, json_field or constant"


def _one_way(divide: object, multiply: object) -> str | None:
    return "must not stand beside multiply" if divide is not None and multiply is not None else None


def _alone(constant: object, multiply: object, divide: object, json_field: str) -> str | None:
    beside = multiply is not None or divide is not None or json_field
    return "must stand alone" if constant is not None and beside else None


@frozen(kw_only=True)
class TransformSettings:
    """What is done to a column's value. A member of JSON may also be multiplied or divided."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("multiply", "divide", "json_field", "constant"), check=_something),
        Rule(fields=("divide", "multiply"), check=_one_way),
        Rule(fields=("constant", "multiply", "divide", "json_field"), check=_alone),
    )

    multiply: Decimal | None = setting(
        default=None, env=None, rules=(positive,), doc="Multiplies an amount: 100 for dollars."
    )
    divide: Decimal | None = setting(
        default=None,
        env=None,
        rules=(positive,),
        doc="Divides an amount: 100 for a discount in basis points or cents.",
    )
    json_field: str = setting(
        default="",
        env=None,
        rules=(column_path,),
        doc="Takes a member of an object in JSON, by its path with dots.",
    )
    constant: str | None = setting(
        default=None, env=None, doc="Stands in for a column: the same for every row."
    )


@frozen(kw_only=True)
class MappedTable:
    """A table of definitions: its name, its columns, and what is done to their values."""

    table_name: str = setting(
        default="", env=None, rules=(identifier,), doc="The table's name, with its schema or not."
    )
    field_map: Mapping[str, str] = setting(
        factory=dict,
        env=None,
        doc="The column of a field, where it has another name; `''` if there is none.",
    )
    transforms: Mapping[str, TransformSettings] = setting(
        factory=dict, env=None, doc="What is done to a field's value, by field."
    )

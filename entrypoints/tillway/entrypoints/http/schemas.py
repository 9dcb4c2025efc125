"""JSON schemas (2020-12) of attrs classes, by what their fields look like on the wire."""

import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs
from attrs import define, field

from tillway.entrypoints.http.wire import name_of, required, wire_of

Schema = dict[str, Any]

_PLAIN: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
}


@define(eq=False)
class Schemas:
    """Writes schemas and collects those of classes as components.

    Classes in ``closed``, and those within them, take no other fields than their own.
    """

    closed: frozenset[type] = frozenset()
    components: dict[str, Schema] = field(factory=dict, init=False)
    _names: dict[tuple[type, bool], str] = field(factory=dict, init=False)

    def of(self, kind: type) -> Schema:
        """Give the schema of a type: for a class, a reference to its component."""
        return self._of(kind, closed=kind in self.closed)

    def _of(self, kind: Any, *, closed: bool) -> Schema:
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if attrs.has(kind):
            return {"$ref": f"#/components/schemas/{self._named(kind, closed)}"}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"type": "string", "enum": [choice.value for choice in kind]}
        return self._generic(kind, closed=closed)

    def _generic(self, kind: Any, *, closed: bool) -> Schema:
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Literal:
            return {"type": "string", "enum": list(inner)}
        if origin in (UnionType, Union):
            return self._union(inner, closed=closed)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self._of(inner[1], closed=closed)}
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return {"type": "array", "items": self._of(inner[0], closed=closed)}
        return {}

    def _union(self, kinds: tuple[Any, ...], *, closed: bool) -> Schema:
        options = [self._of(kind, closed=closed) for kind in kinds if kind is not NoneType]
        if {} in options:
            return {}  # anything, null included
        if NoneType not in kinds:
            return {"anyOf": options}
        only = options[0]
        if len(options) == 1 and isinstance(only.get("type"), str) and "enum" not in only:
            return {**only, "type": [only["type"], "null"]}
        return {"anyOf": [*options, {"type": "null"}]}

    def _named(self, kind: type, closed: bool) -> str:
        known = self._names.get((kind, closed))
        return known or self._add(kind, closed)

    def _add(self, kind: type, closed: bool) -> str:
        name = kind.__name__
        while name in self.components:
            name += "_"
        self._names[kind, closed] = name
        self.components[name] = {}  # holds the name while the class's fields are written
        self.components[name] = self._object(kind, closed)
        return name

    def _object(self, kind: type, closed: bool) -> Schema:
        fields = attrs.fields(attrs.resolve_types(kind))
        schema: Schema = {
            "type": "object",
            "description": inspect.getdoc(kind) or "",
            "properties": {name_of(each): self._field(each, closed) for each in fields},
        }
        wanted = [name_of(each) for each in fields if required(each)]
        if wanted:
            schema["required"] = wanted
        if closed:
            schema["additionalProperties"] = False
        return schema

    def _field(self, each: "attrs.Attribute[Any]", closed: bool) -> Schema:
        kind: Any = each.type
        if closed and not required(each):
            kind = kind | None  # in what is read, null is the same as absent
        schema = self._of(kind, closed=closed)
        return {**schema, **_bounds(each, schema, closed)}


def _bounds(each: "attrs.Attribute[Any]", schema: Schema, closed: bool) -> Schema:
    about = wire_of(each)
    sizes = ("minItems", "maxItems") if "items" in schema else ("minLength", "maxLength")
    shortest = about.shortest
    if closed and shortest is None and required(each) and each.type is str:
        shortest = 1  # an empty text that is required counts as missing
    found = {
        sizes[0]: shortest,
        sizes[1]: about.longest,
        "minimum": about.least,
        "maximum": about.most,
        "pattern": f"^(?:{about.pattern})$" if about.pattern else None,
        "format": about.format or None,
        "description": about.doc or None,
        "examples": None if about.example is None else [about.example],
    }
    return {name: bound for name, bound in found.items() if bound is not None}

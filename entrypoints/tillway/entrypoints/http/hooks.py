"""How cattrs reads each type of a body: exactly, never by coercion."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Literal, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.gen import make_dict_structure_fn, override

from tillway.entrypoints.http.wire import name_of, required, wire_of

Hook = Callable[[Any, Any], Any]


class Wrong(Exception):
    """A value cannot be what it should; the message follows the field's name."""


class Missing(Exception):
    """A required field is not there; the message, if any, is the whole sentence."""


def converter(*, strict: bool) -> Converter:
    """Make a converter for attrs classes by their wire names.

    ``strict`` refuses fields that a class does not know.
    """
    made = Converter(detailed_validation=True, forbid_extra_keys=strict)
    for kind, hook in _PLAIN.items():
        made.register_structure_hook(kind, hook)
    made.register_structure_hook_func(lambda kind: kind is object, _anything)
    made.register_structure_hook_factory(_is_choice, _choice)
    made.register_structure_hook_factory(_is_list, _list)
    made.register_structure_hook_factory(_is_map, _map)
    made.register_structure_hook_factory(attrs.has, _object)
    return made


def _object(kind: type, made: Converter) -> Hook:
    fields = attrs.fields(attrs.resolve_types(kind))
    overrides: dict[str, Any] = {
        field.name: override(rename=name_of(field), struct_hook=_field(field, made))
        for field in fields
    }
    build: Hook = make_dict_structure_fn(kind, made, **overrides)
    aliases = {alias: name_of(field) for field in fields for alias in wire_of(field).aliases}
    known = frozenset((*aliases, *(name_of(field) for field in fields)))
    mandatory = tuple(name_of(field) for field in fields if required(field))

    def read(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise Wrong("must be an object")
        present = {
            name: part for name, part in value.items() if part is not None or name not in known
        }
        for alias, name in aliases.items():
            if alias in present:
                present.setdefault(name, present.pop(alias))
        for name in mandatory:
            present.setdefault(name, None)  # its hook says what is missing
        return build(present, kind)

    return read


def _field(field: "attrs.Attribute[Any]", made: Converter) -> Hook:
    about, absent = wire_of(field), required(field)
    inner = made.get_structure_hook(field.type)

    def read(value: Any, kind: Any) -> Any:
        if absent and (value is None or value == ""):
            raise Missing(about.missing)
        found = inner(value, kind)
        fault = about.fault(found)
        if fault is not None:
            raise Wrong(fault)
        return found

    return read


def _text(value: Any, kind: Any) -> str:
    if kind is not str:  # cattrs brings every kind of text here, enums of text too
        return _member(value, kind)
    if isinstance(value, str):
        return value
    raise Wrong("must be text")


def _member(value: Any, kind: Any) -> str:
    for member in kind:
        if member.value == value:
            return cast(str, member)
    raise Wrong(_one_of(member.value for member in kind))


def _flag(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Wrong("must be true or false")


def _whole(value: Any, _: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Wrong("must be a whole number")


def _number(value: Any, _: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    raise Wrong("must be a number")


def _moment(value: Any, _: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong("must be a time like 2026-01-31T12:00:00Z") from None
    if found.tzinfo is None:
        raise Wrong("must have a time zone")
    return found


def _anything(value: Any, _: Any) -> Any:
    return value


_PLAIN: Mapping[Any, Hook] = {
    str: _text,
    bool: _flag,
    int: _whole,
    float: _number,
    datetime: _moment,
}


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _choice(kind: Any, _: Converter) -> Hook:
    known = get_args(kind)

    def read(value: Any, _: Any) -> Any:
        if isinstance(value, str) and value in known:
            return value
        raise Wrong(_one_of(known))

    return read


def _one_of(names: Iterable[str]) -> str:
    return "must be one of " + ", ".join(names)


def _is_list(kind: Any) -> bool:
    return _is_of(kind, Sequence)


def _list(kind: Any, made: Converter) -> Hook:
    factory = homogenous_tuple_structure_factory if _is_of(kind, tuple) else list_structure_factory
    return _guarded(list, "must be a list", factory(kind, made))


def _is_map(kind: Any) -> bool:
    return _is_of(kind, Mapping)


def _map(kind: Any, made: Converter) -> Hook:
    factory = mapping_structure_factory(kind, made, dict)
    return _guarded(dict, "must be an object", factory)


def _is_of(kind: Any, family: type) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, family)


def _guarded(shape: type, message: str, inner: Hook) -> Hook:
    def read(value: Any, kind: Any) -> Any:
        if not isinstance(value, shape):
            raise Wrong(message)
        return inner(value, kind)

    return read

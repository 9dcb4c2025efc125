"""Settings as people may see them: every value and where it came from, no secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from tillway.core.secrets import HIDDEN, Secret
from tillway.entrypoints.settings.durations import format_duration
from tillway.entrypoints.settings.schema import (
    Field,
    Many,
    Named,
    Nested,
    Plain,
    fields_of,
    in_force,
    join,
)

DEFAULT: Final = "default"


@frozen(kw_only=True)
class Effective:
    """One value in effect, as it may be shown, and where it came from."""

    key: str
    value: str
    origin: str
    in_force: bool


def effective_values(
    sections: Mapping[str, object], origins: Mapping[str, str]
) -> tuple[Effective, ...]:
    """Give all values of these sections, in the order of their declaration."""
    return tuple(
        value
        for name, section in sections.items()
        for value in _values(section, name, origins, in_force(type(section)))
    )


def _values(instance: Any, key: str, origins: Mapping[str, str], used: bool) -> Iterator[Effective]:
    kind: type = type(instance)
    for field in fields_of(kind):
        value, path = getattr(instance, field.name), join(key, field.name)
        applies = used and field.setting.in_force
        blocks = dict(_blocks(field, value, path))
        for inner, block in blocks.items():
            yield from _values(block, inner, origins, applies)
        if not blocks:
            origin = origins.get(path, DEFAULT)
            yield Effective(key=path, value=show(field, value), origin=origin, in_force=applies)


def _blocks(field: Field, value: Any, path: str) -> Iterator[tuple[str, object]]:
    if value is None:
        return
    if isinstance(field.shape, Nested):
        yield path, value
    elif isinstance(field.shape, Many) and isinstance(field.shape.item, Nested):
        yield from ((f"{path}[{number}]", block) for number, block in enumerate(value))
    elif isinstance(field.shape, Named) and isinstance(field.shape.entry, Nested):
        yield from ((join(path, name), block) for name, block in value.items())


def show(field: Field, value: Any) -> str:
    """Write a value as it would stand in YAML, or hide it."""
    if field.setting.shown is not None:
        return field.setting.shown(value)
    if field.setting.secret_keys:
        return ", ".join(HIDDEN for _ in value)
    if isinstance(field.shape, Plain) and field.setting.parse is not None:
        return str(value)
    return write(value)


def write(value: Any) -> str:
    """Write any value of a setting; a secret stays hidden."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Secret):
        return HIDDEN if value else ""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {write(each)}" for key, each in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(write(each) for each in value)
    return str(value)

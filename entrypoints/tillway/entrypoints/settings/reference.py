"""The reference page of all settings, written from the classes that declare them.

`python -m tillway.entrypoints.settings.reference > docs/reference/settings.md` renews it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import attrs

from tillway.core.secrets import Secret
from tillway.entrypoints.settings.loading import TopLevel
from tillway.entrypoints.settings.schema import (
    Anything,
    Choice,
    Field,
    Many,
    Named,
    Nested,
    Shape,
    fields_of,
    in_force,
    join,
)
from tillway.entrypoints.settings.sections import BUILT_IN
from tillway.entrypoints.settings.showing import write
from tillway.plugins.setting import Family, Numbered

_KINDS: Final[Mapping[Any, str]] = MappingProxyType(
    {
        str: "text",
        bool: "boolean",
        int: "whole number",
        float: "number",
        Decimal: "decimal",
        timedelta: "duration",
        datetime: "time",
        Secret: "secret",
    }
)

_INTRODUCTION: Final = """\
# Settings

Generated from the classes that declare the settings; `tillway config check` shows what is in
effect. Built-in defaults come first, a YAML file over them, environment variables over both. An
empty variable counts as not set. A `.env` file in the working directory fills in variables that
do not exist. In YAML, lists replace what they set and mappings merge into it.

* **Durations** are written as in Go (`1h30m`, `250ms`); a bare number is seconds.
* **Booleans** of variables are `true`, `1`, `false`, `0`, `no` or `off`, in any case. `yes` and
  `on` mean true in YAML only: a variable with them is refused, since Cedros Pay takes it for false.
* **Lists** of variables are separated by commas.
* **Secrets** may stand in a file: `<VARIABLE>_FILE` names it.
* **Older names** of variables are still read, with a warning.
* Keys marked `-` under *Variable* are set in YAML only.
* Keys marked (not in force) are read and checked, but nothing uses them yet.

Unknown keys, duplicate keys, bad values and missing keys are all named at once, and nothing starts.
"""


def render_reference(sections: Mapping[str, type] = BUILT_IN) -> str:
    """Give the page in Markdown."""
    parts = [_INTRODUCTION, *_section("", "Top level", TopLevel)]
    for name, kind in sections.items():
        parts += _section(name, f"`{name}`", kind)
    return "\n".join(parts).rstrip() + "\n"


def _section(name: str, title: str, kind: type) -> Iterator[str]:
    yield f"## {title}\n"
    state = "" if in_force(kind) else " (not in force)"
    yield f"{_first_line(kind)}{state}\n"
    yield "| Key | Type | Default | Variable | Meaning |\n|---|---|---|---|---|"
    yield from _rows(kind, name, None, in_force(kind), marked=in_force(kind))
    yield ""


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _rows(kind: type, key: str, default: object, used: bool, *, marked: bool) -> Iterator[str]:
    """Write rows; ``marked`` says that what is not in force is to be told of each."""
    for field in fields_of(kind):
        path = join(key, field.name)
        own = _default(field) if default is None else getattr(default, field.name)
        applies = used and field.setting.in_force
        below = _below(field.shape, path)
        if below is None or not isinstance(field.shape, Nested):
            yield _row(field, path, own, applies or not marked)
        if below is not None:
            inner, place = below
            inherited = own if isinstance(field.shape, Nested) else None
            yield from _rows(inner, place, inherited, applies, marked=marked)


def _below(shape: Shape, path: str) -> tuple[type, str] | None:
    """Give the class and the path of the blocks that a field holds."""
    if isinstance(shape, Nested):
        return shape.kind, path
    if isinstance(shape, Many) and isinstance(shape.item, Nested):
        return shape.item.kind, f"{path}[]"
    if isinstance(shape, Named) and isinstance(shape.entry, Nested):
        return shape.entry.kind, f"{path}.<key>"
    return None


def _default(field: Field) -> Any:
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        return None if default.takes_self else default.factory()
    return default


def _row(field: Field, path: str, default: object, used: bool) -> str:
    doc = field.setting.doc + ("" if used else " (not in force)")
    fixed = "<key>" not in path and "[]" not in path
    variables = _variables(field, path) if fixed else "-"
    return f"| `{path}` | {_type(field.shape)} | {_shown(field, default)} | {variables} | {doc} |"


def _type(shape: Shape) -> str:
    if isinstance(shape, Choice):
        return ", ".join(f"`{choice}`" for choice in shape.choices if choice)
    if isinstance(shape, Many):
        return f"list of {_type(shape.item)}"
    if isinstance(shape, Named):
        return f"mapping of {_type(shape.entry)}"
    if isinstance(shape, Nested):
        return "blocks"
    return "anything" if isinstance(shape, Anything) else _KINDS.get(shape.kind, "network")


def _shown(field: Field, default: object) -> str:
    if field.setting.default_is:
        return field.setting.default_is
    if default is attrs.NOTHING:
        return "**required**"
    text = write(default)
    return f"`{text}`" if text else ""


def _variables(field: Field, path: str) -> str:
    family, canonical = field.setting.family, field.env(path)
    names = [f"`{canonical}`"] if canonical else []
    if isinstance(family, Numbered):
        names.append(f"`{family.prefix}1` to `{family.prefix}{family.most}`")
    if isinstance(family, Family):
        names.append(f"`{family.prefix}<NAME>`")
    if field.setting.aliases:
        names.append("older: " + ", ".join(f"`{each.name}`" for each in field.setting.aliases))
    return "; ".join(names) or "-"


if __name__ == "__main__":
    sys.stdout.write(render_reference())

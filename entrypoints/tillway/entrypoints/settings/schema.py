"""What a settings class asks for: its fields, their shapes, and the names they are set by."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from tillway.core.secrets import Secret
from tillway.entrypoints.settings.scalars import SCALARS
from tillway.plugins.setting import Env, Family, Numbered, Rule, Setting, setting_of

PREFIX: Final = "TILLWAY_"
FILE: Final = "_FILE"


@frozen
class Plain:
    """One value of a type, or one that `setting.parse` reads."""

    kind: Any


@frozen
class Choice:
    """One of several texts."""

    choices: tuple[str, ...]


@frozen
class Anything:
    """Whatever YAML holds."""


@frozen
class Many:
    """A list."""

    item: Shape


@frozen
class Named:
    """A mapping with texts as keys."""

    entry: Shape


@frozen
class Nested:
    """A block of settings of its own."""

    kind: type


Shape = Plain | Choice | Anything | Many | Named | Nested


@frozen(kw_only=True)
class Field:
    """One field of a settings class."""

    name: str
    shape: Shape
    setting: Setting
    default: Any
    """As attrs has it: NOTHING, a value or a Factory."""

    @property
    def required(self) -> bool:
        """Tell whether there is no default."""
        return self.default is attrs.NOTHING

    @property
    def is_leaf(self) -> bool:
        """Tell whether the field is a value, no block or collection of blocks."""
        inner = self.shape
        while isinstance(inner, Many | Named):
            inner = inner.item if isinstance(inner, Many) else inner.entry
        return not isinstance(inner, Nested)

    @property
    def is_secret(self) -> bool:
        """Tell whether its value is a secret, or several."""
        inner = self.shape.item if isinstance(self.shape, Many) else self.shape
        return isinstance(inner, Plain) and inner.kind is Secret

    def env(self, key: str) -> str | None:
        """Give the name of the variable that sets the field when it stands at this key."""
        if self.setting.env is not Env.DERIVED:
            return self.setting.env
        settable = isinstance(self.shape, Plain | Choice) or (
            isinstance(self.shape, Many) and isinstance(self.shape.item, Plain | Choice)
        )
        return PREFIX + key.upper().replace(".", "_") if settable else None


@cache
def fields_of(kind: type) -> tuple[Field, ...]:
    """Give the fields of a settings class. TypeError when one has a type that cannot be set."""
    hints = get_type_hints(kind)
    return tuple(_field(kind, attribute, hints) for attribute in attrs.fields(kind))


def _field(kind: type, attribute: attrs.Attribute[Any], hints: Mapping[str, Any]) -> Field:
    setting = setting_of(attribute)
    hint = hints[attribute.name] if setting.shape is None else setting.shape
    try:
        shape = _shape(hint, parsed=setting.parse is not None)
    except TypeError as error:
        raise TypeError(f"{kind.__name__}.{attribute.name}: {error}") from None
    return Field(name=attribute.name, shape=shape, setting=setting, default=attribute.default)


def _shape(hint: Any, *, parsed: bool) -> Shape:
    hint = _without_none(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return Many(_shape(arguments[0], parsed=parsed))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return Named(_shape(arguments[1], parsed=parsed))
    if parsed or hint in SCALARS:
        return Plain(hint)
    if origin is Literal:
        return Choice(arguments)
    if hint is Any:
        return Anything()
    if isinstance(hint, type) and attrs.has(hint):
        return Nested(hint)
    raise TypeError(f"{hint!r} is no type of a setting")


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    kinds = [kind for kind in get_args(hint) if kind is not types.NoneType]
    return kinds[0] if len(kinds) == 1 else hint


def rules_of(kind: type) -> tuple[Rule, ...]:
    """Give what the class's fields must fulfil together."""
    rules: tuple[Rule, ...] = getattr(kind, "RULES", ())
    return rules


def in_force(kind: type) -> bool:
    """Tell whether anything uses the class's settings yet."""
    return bool(getattr(kind, "IN_FORCE", True))


def join(key: str, name: str) -> str:
    """Give the path of a key within a block."""
    return f"{key}.{name}" if key else name


def leaves(kind: type, key: str) -> Iterator[tuple[str, Field]]:
    """Go through all values with a fixed path, down the blocks but not into collections."""
    for field in fields_of(kind):
        path = join(key, field.name)
        if isinstance(field.shape, Nested):
            yield from leaves(field.shape.kind, path)
        else:
            yield path, field


def variables_of(key: str, field: Field) -> tuple[str, ...]:
    """Name the single variables that set a field, with their `_FILE` forms."""
    canonical = field.env(key)
    names = [canonical] if canonical else []
    names += [alias.name for alias in field.setting.aliases]
    if field.is_secret:
        names += [name + FILE for name in names]
    return tuple(names)


def is_set_by(kind: type, key: str, variables: Mapping[str, str]) -> bool:
    """Tell whether any variable sets something in the section."""
    return any(_sets(path, field, variables) for path, field in leaves(kind, key))


def _sets(key: str, field: Field, variables: Mapping[str, str]) -> bool:
    family = field.setting.family
    if isinstance(family, Numbered) and (
        f"{family.prefix}1" in variables or f"{family.prefix}1{FILE}" in variables
    ):
        return True
    if isinstance(family, Family) and any(in_family(family, name) for name in variables):
        return True
    return any(name in variables for name in variables_of(key, field))


def in_family(family: Family, name: str) -> bool:
    """Tell whether a variable is one of the family."""
    rest = name.removeprefix(family.prefix)
    return rest not in ("", name) and rest not in family.skip

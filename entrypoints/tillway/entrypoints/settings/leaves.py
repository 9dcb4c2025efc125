"""Reading one value: from its variable, else from YAML; into its type, and through its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from attrs import Factory, define, frozen

from tillway.core.secrets import HIDDEN, Secret
from tillway.entrypoints.settings.environment import Environment, Found
from tillway.entrypoints.settings.faults import Fault
from tillway.entrypoints.settings.nodes import Block, Items, Node, Text, is_null, plain_value
from tillway.entrypoints.settings.scalars import SCALARS, parse_choice, shown, yaml_word
from tillway.entrypoints.settings.schema import (
    Anything,
    Choice,
    Field,
    Many,
    Named,
    Plain,
    Shape,
    join,
)
from tillway.plugins.setting import Family, Numbered, Setting

_BLANK_COUNTS: Final = (str,)
"""Types of which an empty text is a value; for all others it means: not set."""


class Unset(Enum):
    """The value of a key that is not set."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@frozen(kw_only=True)
class Leaf:
    """What was read: `value` is UNSET when the key is not set, or wrong.

    `place` is where it stood, `entries` where each entry of a mapping stood.
    """

    value: object = UNSET
    place: str = ""
    entries: Mapping[str, str] = Factory(dict)
    faults: tuple[Fault, ...] = ()
    wrong: bool = False


def place_of(node: Node | None) -> str:
    """Say where in the file a node stands."""
    return f"yaml line {node.line}" if node is not None else ""


def read_leaf(field: Field, key: str, node: Node | None, environment: Environment | None) -> Leaf:
    """Read the value of a field whose YAML, if any, is `node`."""
    if isinstance(field.setting.family, Numbered):
        return _numbered(field, field.setting.family, key, node, environment)
    if isinstance(field.shape, Named):
        return _Mapping(field=field, shape=field.shape.entry, key=key).read(node, environment)
    found = environment.find(key, field) if environment is not None else None
    if found is not None:
        return _from_variable(field, key, found)
    return Leaf() if node is None or is_null(node) else _from_yaml(field, key, node)


def finish(field: Field, key: str, value: Any, place: str) -> Leaf:
    """Bring a value into its usual form, and apply the rules of its field."""
    setting = field.setting
    value = value if setting.tidy is None else setting.tidy(value)
    if setting.unset_when is not None and setting.unset_when(value):
        return Leaf()
    for rule in setting.rules:
        message = rule(value)
        if message is not None:
            return _refused(key, message, place)
    return Leaf(value=value if setting.convert is None else setting.convert(value), place=place)


def _refused(key: str, message: str, place: str) -> Leaf:
    return Leaf(faults=(Fault(key=key, message=message, place=place),), wrong=True)


def _numbered(
    field: Field, family: Numbered, key: str, node: Node | None, environment: Environment | None
) -> Leaf:
    if not is_null(node) and not (isinstance(node, Items) and not node.items):
        message = f"is set by the environment only: {family.prefix}1 and so on"
        return _refused(key, message, place_of(node))
    found = environment.numbered(key, family) if environment is not None else []
    if any(one.text is None for one in found):
        return Leaf(wrong=True)
    if not found:
        return Leaf()
    wallets = tuple(Secret((one.text or "").strip()) for one in found)
    return finish(field, key, wallets, f"{family.prefix}1..{len(found)}")


def _from_variable(field: Field, key: str, found: Found) -> Leaf:
    if found.text is None:
        return Leaf(wrong=True)
    if not isinstance(field.shape, Many):
        return _one(field, key, field.shape, found.text, found.place)
    words = found.text.replace("\n", ",").split(",")
    texts = [word.strip() for word in words if word.strip()]
    return _several(field, key, field.shape.item, texts, found.place)


def _from_yaml(field: Field, key: str, node: Node) -> Leaf:
    place = place_of(node)
    if isinstance(field.shape, Anything):
        return finish(field, key, plain_value(node), place)
    if not isinstance(field.shape, Many):
        if not isinstance(node, Text):
            return _refused(key, "must be a single value", place)
        return _one(field, key, field.shape, _written(field.shape, node), place)
    if not isinstance(node, Items):
        return _refused(key, "must be a list", place)
    texts = [item for item in node.items if isinstance(item, Text) and not item.null]
    if len(texts) < len(node.items):
        return _refused(key, "must be a list of single values", place)
    item = field.shape.item
    return _several(field, key, item, [_written(item, text) for text in texts], place)


def _written(shape: Shape, node: Text) -> str:
    kind = shape.kind if isinstance(shape, Plain) else None
    return yaml_word(kind, node.text) if node.plain else node.text


def _one(field: Field, key: str, shape: Shape, text: str, place: str) -> Leaf:
    if not text.strip() and (field.required or not _takes_blank(shape)):
        return Leaf()
    try:
        value = _parse(field.setting, shape, text)
    except ValueError as error:
        return _refused(key, f"{error}{_quoted(field.setting, shape, text)}", place)
    return finish(field, key, value, place)


def _several(field: Field, key: str, shape: Shape, texts: list[str], place: str) -> Leaf:
    values: list[object] = []
    for number, text in enumerate(texts, start=1):
        try:
            values.append(_parse(field.setting, shape, text))
        except ValueError as error:
            message = f"item {number} {error}{_quoted(field.setting, shape, text)}"
            return _refused(key, message, place)
    return finish(field, key, tuple(values), place)


def _takes_blank(shape: Shape) -> bool:
    if isinstance(shape, Choice):
        return "" in shape.choices
    return isinstance(shape, Plain) and shape.kind in _BLANK_COUNTS


def _parse(setting: Setting, shape: Shape, text: str) -> object:
    if setting.parse is not None:
        return setting.parse(text.strip())
    if isinstance(shape, Choice):
        return parse_choice(text, shape.choices, setting.synonyms)
    assert isinstance(shape, Plain)  # noqa: S101 - blocks and collections are read elsewhere
    return _scalar(shape.kind)(text if shape.kind is str else text.strip())


def _scalar(kind: Any) -> Callable[[str], object]:
    return SCALARS[kind]


def _quoted(setting: Setting, shape: Shape, text: str) -> str:
    """Show the wrong value, unless it is secret or may hold a secret."""
    secret = isinstance(shape, Plain) and shape.kind is Secret
    return "" if secret or setting.shown is not None else shown(text)


@define(kw_only=True)
class _Mapping:
    """Reads a mapping of values, whose entries variables may add or replace."""

    field: Field
    shape: Shape
    key: str
    values: dict[str, object] = Factory(dict)
    entries: dict[str, str] = Factory(dict)
    faults: list[Fault] = Factory(list)
    place: str = ""

    def read(self, node: Node | None, environment: Environment | None) -> Leaf:
        """Read YAML first, then the variables."""
        if node is not None and not is_null(node):
            self._yaml(node)
        family = self.field.setting.family
        if isinstance(family, Family) and environment is not None:
            self._variables(family, environment)
        if self.faults:
            return Leaf(faults=tuple(self.faults), wrong=True)
        if not self.place:
            return Leaf()
        leaf = finish(self.field, self.key, self.values, self.place)
        return Leaf(
            value=leaf.value,
            place=leaf.place,
            entries=self.entries,
            faults=leaf.faults,
            wrong=leaf.wrong,
        )

    def _yaml(self, node: Node) -> None:
        self.place = place_of(node)
        if not isinstance(node, Block):
            self.faults.append(Fault(key=self.key, message="must be a mapping", place=self.place))
            return
        for name, entry in node.entries.items():
            if isinstance(self.shape, Anything):
                self._put(name, plain_value(entry), place_of(entry))
            elif isinstance(entry, Text):
                self._take(name, "" if entry.null else entry.text, place_of(entry))
            else:
                self._refuse(name, "must be a single value", place_of(entry))

    def _variables(self, family: Family, environment: Environment) -> None:
        secret = self.field.setting.secret_keys
        for name, found in environment.family(family, secret_keys=secret).items():
            self.place = found.place
            for older in [each for each in self.values if each.lower() == name.lower()]:
                if family.ignores_case:
                    del self.values[older]
            self._take(name, found.text or "", found.place)

    def _take(self, name: str, text: str, place: str) -> None:
        try:
            value = _parse(self.field.setting, self.shape, text)
        except ValueError as error:
            self._refuse(name, f"{error}{_quoted(self.field.setting, self.shape, text)}", place)
            return
        self._put(name, value, place)

    def _put(self, name: str, value: object, place: str) -> None:
        self.values[name] = value
        self.entries[self._path(name)] = place

    def _refuse(self, name: str, message: str, place: str) -> None:
        self.faults.append(Fault(key=self._path(name), message=message, place=place))

    def _path(self, name: str) -> str:
        return join(self.key, HIDDEN if self.field.setting.secret_keys else name)

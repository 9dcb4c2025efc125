"""Making instances of settings classes from YAML and the environment, and naming every fault."""

from __future__ import annotations

from typing import Any, Final

import attrs
from attrs import Factory, define, evolve, frozen

from tillway.entrypoints.settings.environment import Environment
from tillway.entrypoints.settings.faults import Fault
from tillway.entrypoints.settings.leaves import UNSET, finish, place_of, read_leaf
from tillway.entrypoints.settings.nodes import Block, Items, Node, is_null, within
from tillway.entrypoints.settings.scalars import did_you_mean
from tillway.entrypoints.settings.schema import (
    Field,
    Many,
    Named,
    Nested,
    fields_of,
    is_set_by,
    join,
    rules_of,
)

_MOST_NAME: Final = 60


@frozen(kw_only=True)
class Spot:
    """Where a block or a value is read.

    `default` is the instance whose fields are the defaults of a block. `fixed` tells whether the
    path is always the same, so that variables can set what stands there; `used` whether anything
    uses it yet. `entry` is the block's key in a mapping of blocks.
    """

    key: str
    node: Node | None
    default: object = None
    fixed: bool = True
    used: bool = True
    entry: str | None = None


@define(kw_only=True)
class Reader:
    """Reads one configuration.

    `origins` tells for each key that was set where it stood. `bad` holds the keys with a fault of
    their own, in whose place instances hold a default or None. `idle` are keys that were set
    although nothing uses them yet.
    """

    environment: Environment
    faults: list[Fault] = Factory(list)
    warnings: list[str] = Factory(list)
    origins: dict[str, str] = Factory(dict)
    bad: set[str] = Factory(set)
    idle: list[str] = Factory(list)

    def refuse(self, key: str, message: str, place: str = "") -> None:
        """Name a fault of a key."""
        self.bad.add(key)
        self.faults.append(Fault(key=key, message=message, place=place))

    def is_sound(self, *keys: str) -> bool:
        """Tell whether nothing is wrong at or below the keys."""
        return not any(_is_within(bad, key) for bad in self.bad for key in keys)

    def block(self, kind: type, spot: Spot) -> Any:
        """Read a block of settings; None when no instance of it can be made."""
        block = self._entries_at(spot)
        self._refuse_unknown(kind, spot.key, block)
        given: dict[str, object] = {}
        for field in fields_of(kind):
            value = self._field(field, self._below(spot, field, block))
            if value is UNSET:
                value = self._named(kind, field, spot)
            if value is not UNSET:
                given[field.name] = value
            elif field.required and spot.default is None:
                self._require(join(spot.key, field.name))
        instance = self._build(kind, spot, given)
        if instance is not None:
            self._apply_rules(kind, spot.key, instance)
        return instance

    def _entries_at(self, spot: Spot) -> Block:
        if isinstance(spot.node, Block):
            return spot.node
        if spot.node is not None and not is_null(spot.node):
            self.refuse(spot.key, "must be a mapping", place_of(spot.node))
        return Block(entries={}, line=0)

    def _refuse_unknown(self, kind: type, key: str, block: Block) -> None:
        known = _known_names(kind)
        for name, node in block.entries.items():
            if name in known:
                continue
            inner = node.entries if isinstance(node, Block) else {}
            paths = [join(name, each) for each in inner] or [name]
            for path in [path for path in paths if path not in known]:
                message = f"is no setting{did_you_mean(path, tuple(known))}"
                self.faults.append(
                    Fault(key=join(key, path[:_MOST_NAME]), message=message, place=place_of(node))
                )

    def _below(self, spot: Spot, field: Field, block: Block) -> Spot:
        key = join(spot.key, field.name)
        own = _default_of(field) if spot.default is None else getattr(spot.default, field.name)
        return Spot(
            key=key,
            node=self._node(field, key, block),
            default=own,
            fixed=spot.fixed,
            used=spot.used and field.setting.in_force,
        )

    def _node(self, field: Field, key: str, block: Block) -> Node | None:
        places = [within(block, path) for path in field.setting.also]
        nodes = [node for node in (block.entries.get(field.name), *places) if not is_null(node)]
        if len(nodes) > 1:
            self.refuse(key, f"is set twice, also as {field.setting.also[0]}", place_of(nodes[1]))
        return nodes[0] if nodes else block.entries.get(field.name)

    def _field(self, field: Field, spot: Spot) -> object:
        shape = field.shape
        if isinstance(shape, Nested):
            return self._nested(shape.kind, spot, optional=not field.required)
        if isinstance(shape, Many) and isinstance(shape.item, Nested):
            return self._list(shape.item.kind, spot)
        if isinstance(shape, Named) and isinstance(shape.entry, Nested):
            return self._table(shape.entry.kind, spot)
        return self._leaf(field, spot)

    def _leaf(self, field: Field, spot: Spot) -> object:
        leaf = read_leaf(field, spot.key, spot.node, self.environment if spot.fixed else None)
        self.faults += leaf.faults
        if leaf.wrong:
            self.bad.add(spot.key)
        elif leaf.value is not UNSET:
            self._remember(spot, leaf.place)
            self.origins.update(leaf.entries)
        return leaf.value

    def _remember(self, spot: Spot, place: str) -> None:
        self.origins[spot.key] = place
        if not spot.used:
            self.idle.append(spot.key)

    def _nested(self, kind: type, spot: Spot, *, optional: bool) -> object:
        by_variable = spot.fixed and is_set_by(kind, spot.key, self.environment.variables)
        if optional and spot.default is None and is_null(spot.node) and not by_variable:
            return UNSET
        built = self.block(kind, spot)
        return UNSET if built is None else built

    def _list(self, kind: type, spot: Spot) -> object:
        if spot.node is None or is_null(spot.node):
            return UNSET
        if not isinstance(spot.node, Items):
            self.refuse(spot.key, "must be a list", place_of(spot.node))
            return UNSET
        self._remember(spot, place_of(spot.node))
        spots = [
            evolve(spot, key=f"{spot.key}[{number}]", node=node, default=None, fixed=False)
            for number, node in enumerate(spot.node.items)
        ]
        built = [(one.key, self.block(kind, one)) for one in spots]
        return tuple(each for key, each in built if self.is_sound(key))

    def _table(self, kind: type, spot: Spot) -> object:
        if spot.node is None or is_null(spot.node):
            return UNSET
        block = self._entries_at(spot)
        self._remember(spot, place_of(spot.node))
        below = evolve(spot, default=None, fixed=False)
        built = {
            name: self.block(kind, evolve(below, key=join(spot.key, name), node=node, entry=name))
            for name, node in block.entries.items()
        }
        return {name: each for name, each in built.items() if self.is_sound(join(spot.key, name))}

    def _named(self, kind: type, field: Field, spot: Spot) -> object:
        """Give the entry's own key to the field that takes it when it is not set."""
        key = join(spot.key, field.name)
        if spot.entry is None or getattr(kind, "KEYED", None) != field.name or key in self.bad:
            return UNSET
        own = evolve(field, setting=evolve(field.setting, unset_when=None))
        leaf = finish(own, key, spot.entry, place_of(spot.node))
        self.faults += leaf.faults
        if leaf.wrong:
            self.bad.add(key)
        return leaf.value

    def _require(self, key: str) -> None:
        if self.is_sound(key):
            self.refuse(key, f"{key} is required")

    def _build(self, kind: type, spot: Spot, given: dict[str, object]) -> Any:
        """Make an instance even of what is faulty, so that the other fields can be checked."""
        values = _inherited(kind, spot.default) | given
        missing = [each.name for each in fields_of(kind) if each.required]
        try:
            return kind(**dict.fromkeys(missing) | values)
        except Exception as error:  # a plugin's own converters raise what they like
            if self.is_sound(spot.key):
                self.refuse(spot.key, f"cannot be used ({type(error).__name__})")
            return None

    def _apply_rules(self, kind: type, key: str, instance: object) -> None:
        for rule in rules_of(kind):
            keys = [join(key, name) for name in rule.fields]
            if not self.is_sound(*keys):
                continue
            message = rule.check(*(getattr(instance, name) for name in rule.fields))
            place = self.origins.get(keys[0], "")
            if message is not None and rule.warns:
                self.warnings.append(str(Fault(key=keys[0], message=message, place=place)))
            elif message is not None:
                self.refuse(keys[0], message, place)


def _known_names(kind: type) -> frozenset[str]:
    fields = fields_of(kind)
    return frozenset([field.name for field in fields] + [p for f in fields for p in f.setting.also])


def _is_within(key: str, above: str) -> bool:
    return key == above or key.startswith((f"{above}.", f"{above}["))


def _default_of(field: Field) -> object:
    """Give the default instance of a block; other defaults are attrs' own concern."""
    if not isinstance(field.shape, Nested) or field.required:
        return None
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        return field.default.factory()
    return field.default


def _inherited(kind: type, default: object) -> dict[str, object]:
    """Take a block's defaults from its default instance, where they do not depend on others."""
    if default is None:
        return {}
    derived = {a.name for a in attrs.fields(kind) if getattr(a.default, "takes_self", False)}
    names = [field.name for field in fields_of(kind) if field.name not in derived]
    return {name: getattr(default, name) for name in names}

"""Reading YAML: as much of it as settings need, and nothing that can hurt.

Scalars stay the text they are, so that decimals stay exact and `1:30` or `no` mean what the key
takes them for. Tags are refused; aliases are followed within a bound; merge keys (`<<`) are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml
from attrs import Factory, define
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tillway.entrypoints.settings.faults import Fault
from tillway.entrypoints.settings.nodes import Block, Items, Node, Text, is_null

LARGEST: Final = 1024 * 1024
"""Bytes of a settings file."""

DEEPEST: Final = 32
MOST_NODES: Final = 100_000
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE: Final = "<<"


class _UnreadableError(Exception):
    """The file cannot be understood any further."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def read_document(text: str) -> tuple[Block | None, tuple[Fault, ...]]:
    """Read YAML whose top level is a mapping; an empty text is an empty one.

    A duplicate key is a fault, and its first value counts. None when nothing can be made of it.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        return None, (_file_fault("is larger than 1 MiB"),)
    composer = _Composer(events=iter(yaml.parse(text, Loader=_LOADER)))
    try:
        root = composer.document()
    except yaml.YAMLError as error:
        return None, (*composer.faults, _syntax_fault(error))
    except _UnreadableError as error:
        return None, (*composer.faults, _file_fault(str(error), error.line))
    if root is None or is_null(root):
        return Block(entries={}, line=1), ()
    if not isinstance(root, Block):
        return None, (_file_fault("must be a mapping of sections", root.line),)
    return root, tuple(composer.faults)


def _file_fault(message: str, line: int = 0) -> Fault:
    place = f"line {line}" if line else ""
    return Fault(key="", message=f"the settings file {message}", place=place)


def _syntax_fault(error: yaml.YAMLError) -> Fault:
    """Say where YAML broke. Only the parser's own words: the file's may be secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "has characters that YAML does not allow"
    return _file_fault(f"is not YAML: {problem}", mark.line + 1 if mark else 0)


@define
class _Composer:
    events: Iterator[Event]
    faults: list[Fault] = Factory(list)
    anchors: dict[str, Node] = Factory(dict)
    depth: int = 0

    def document(self) -> Node | None:
        """Read the one document of the stream."""
        next(self.events)
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self.events))
        next(self.events)
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _UnreadableError("holds more than one document", _line(after))
        return root

    def _node(self, event: Event) -> Node:
        if isinstance(event, AliasEvent):
            return self._aliased(event)
        if getattr(event, "tag", None) is not None:
            raise _UnreadableError("must not use tags", _line(event))
        self.depth += 1
        if self.depth > DEEPEST:
            raise _UnreadableError(f"is nested deeper than {DEEPEST} levels", _line(event))
        node = self._plain_node(event)
        self.depth -= 1
        if node.size > MOST_NODES:
            raise _UnreadableError(f"holds more than {MOST_NODES} values", node.line)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _aliased(self, event: AliasEvent) -> Node:
        node = self.anchors.get(event.anchor or "")
        if node is None:
            raise _UnreadableError("uses an alias before its anchor", _line(event))
        return node

    def _plain_node(self, event: Event) -> Node:
        line = _line(event)
        if isinstance(event, ScalarEvent):
            return Text(text=event.value, line=line, plain=event.implicit[0])
        if isinstance(event, SequenceStartEvent):
            return Items(items=tuple(self._items()), line=line)
        assert isinstance(event, MappingStartEvent)  # noqa: S101 - the last kind of node there is
        return self._block(line)

    def _items(self) -> Iterator[Node]:
        while not isinstance(event := next(self.events), SequenceEndEvent):
            yield self._node(event)

    def _block(self, line: int) -> Block:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self.events), MappingEndEvent):
            key, place = self._key(event), _line(event)
            node = self._node(next(self.events))
            if key == _MERGE:
                merged.append(node)
            elif key in entries:
                self.faults.append(_file_fault(f"has the key {key[:60]!r} twice", place))
            else:
                entries[key] = node
        for more in merged:
            self._merge(entries, more)
        return Block(entries=entries, line=line)

    def _key(self, event: Event) -> str:
        key = self._node(event)
        if not isinstance(key, Text):
            raise _UnreadableError("has a key that is no text", _line(event))
        return key.text

    def _merge(self, entries: dict[str, Node], node: Node) -> None:
        blocks = node.items if isinstance(node, Items) else (node,)
        for block in blocks:
            if not isinstance(block, Block):
                raise _UnreadableError("must merge mappings only", node.line)
            for key, entry in block.entries.items():
                entries.setdefault(key, entry)


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 0

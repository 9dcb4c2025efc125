"""What a YAML file holds, before anybody knows what it should hold: texts, lists and blocks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from attrs import field, frozen

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS: Final = {"true": True, "false": False}


@frozen(kw_only=True)
class Text:
    """A scalar as it was written. `plain` when it stood without quotes."""

    text: str
    line: int
    plain: bool = True
    size: int = field(default=1, init=False)

    @property
    def null(self) -> bool:
        """Tell whether nothing was written."""
        return self.plain and self.text in NULLS


@frozen(kw_only=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int
    size: int = field(init=False)

    @size.default
    def _size(self) -> int:
        return 1 + sum(item.size for item in self.items)


@frozen(kw_only=True)
class Block:
    """A mapping with texts as keys."""

    entries: Mapping[str, Node]
    line: int
    size: int = field(init=False)

    @size.default
    def _size(self) -> int:
        return 1 + sum(node.size for node in self.entries.values())


Node = Text | Items | Block
"""`size` counts all nodes below, repeated ones (aliases) each time."""


def is_null(node: Node | None) -> bool:
    """Tell whether a key is missing or has nothing behind it."""
    return node is None or (isinstance(node, Text) and node.null)


def within(node: Node | None, path: str) -> Node | None:
    """Follow a dotted path down the blocks; None where it ends."""
    for name in path.split("."):
        node = node.entries.get(name) if isinstance(node, Block) else None
    return node


def plain_value(node: Node) -> object:
    """Give what YAML itself would make of it: None, bool, int, Decimal, str, list or dict."""
    if isinstance(node, Items):
        return [plain_value(item) for item in node.items]
    if isinstance(node, Block):
        return {key: plain_value(entry) for key, entry in node.entries.items()}
    return _plain_scalar(node)


def _plain_scalar(node: Text) -> object:
    if not node.plain:
        return node.text
    if node.null:
        return None
    if node.text.lower() in BOOLEANS:
        return BOOLEANS[node.text.lower()]
    try:
        return int(node.text) if node.text.lstrip("+-").isdecimal() else Decimal(node.text)
    except (InvalidOperation, ValueError):
        return node.text

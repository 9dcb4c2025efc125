"""JSON that no library writes: what a stranger can put into a body or a payment header."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson
from attrs import frozen
from hypothesis import strategies as st

Members = Mapping[str, Any]
T = TypeVar("T")


def pick(items: Sequence[T]) -> "st.SearchStrategy[T]":
    """Draw one of these, however long they are when written out."""
    return st.integers(0, len(items) - 1).map(lambda place: items[place])


@frozen
class Raw:
    """Bytes that stand in the text as they are."""

    text: bytes


DEEP: Final = 5_000
LONG: Final = 9_000

ODD: Final = (
    b"null",
    b"true",
    b"false",
    b"True",
    b"0",
    b"1",
    b"2",
    b"-1",
    b"1.0",
    b"0.1",
    b"-0",
    b"01",
    b"1e400",
    b"NaN",
    b"-Infinity",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1" + b"0" * 400,
    b'""',
    b'" "',
    b'"0"',
    b'"\\u0000"',
    b'"a\\u0000b"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\xe2\x80\xae<script>alert(1)</script>"',
    b'"\x7f"',
    b'"../../etc/passwd"',
    b'"cart_' + b"0" * 32 + b'"',
    b'"refund_' + b"f" * 32 + b'"',
    b'"stripe:cs_1"',
    b'"v1"',
    b'"' + b"a" * 300 + b'"',
    b'"' + b"a" * LONG + b'"',
    b'"\xf0\x9f\x92\xb8' + b"\xc3\xa9" * 200 + b'"',
    b"[]",
    b"{}",
    b"[[]]",
    b'[null,"a",{}]',
    b'{"a":1,"a":2}',
    b'{"":""}',
    b'{"\\u0000":"x"}',
    b'{"\\ud800":"x"}',
    b'{"__proto__":{"x":1}}',
    b"[" * 40 + b"]" * 40,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b"[" + b"0," * 3_000 + b"0]",
    b'"',
    b"{",
    b"",
)
"""Values, and what only looks like one."""

odd: Final = pick(ODD).map(Raw)
plain: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
values: Final = odd | plain


def written(value: Any) -> bytes:
    """Write JSON, and what is none as it stands."""
    match value:
        case Raw(text):
            return text
        case Mapping():
            pairs = (written(str(name)) + b":" + written(each) for name, each in value.items())
            return b"{" + b",".join(pairs) + b"}"
        case list() | tuple():
            return b"[" + b",".join(written(each) for each in value) + b"]"
        case str():
            return orjson.dumps(value.encode("utf-8", "replace").decode())
        case bool() | None:
            return orjson.dumps(value)
        case _:
            return str(value).encode()  # of a number, however large or infinite


@frozen
class Change:
    """One change of an object: of the member at a place, counted round in the order of reading."""

    kind: str
    place: int
    value: Any

    def made(self, members: Members) -> dict[str, Any]:
        """Give the object changed; the given one stays as it is."""
        paths = list(_paths(members, ()))
        if not paths:
            return {"x": self.value}
        *above, name = paths[self.place % len(paths)]
        return _changed(members, above, lambda inner: self._member(inner, name))

    def _member(self, inner: Members, name: str) -> dict[str, Any]:
        others = {each: value for each, value in inner.items() if each != name}
        match self.kind:
            case "set":
                return {**inner, name: self.value}
            case "drop":
                return others
            case "rename":
                return {**others, name.swapcase(): inner[name]}
            case "twice":
                return {**inner, _again(name): self.value}
            case "wrap":
                return {**inner, name: [inner[name]]}
            case _:
                return {**inner, "unknown": self.value}


KINDS: Final = ("set", "set", "set", "drop", "rename", "twice", "wrap", "add")
changes: Final = st.lists(
    st.builds(Change, st.sampled_from(KINDS), st.integers(0, 60), values), min_size=1, max_size=3
).map(tuple)


class _Same(str):
    """A name that is not equal to itself, so that an object can have it twice."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def _again(name: str) -> str:
    return _Same(name)


def _paths(members: Members, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, value in members.items():
        yield (*above, name)
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, name))


def _changed(members: Members, above: Sequence[str], change: Any) -> dict[str, Any]:
    if not above:
        made: dict[str, Any] = change(members)
        return made
    first, *rest = above
    return {**members, first: _changed(members[first], rest, change)}


def altered(members: Members, made: Sequence[Change]) -> bytes:
    """Make the changes one after the other and write the outcome."""
    for change in made:
        members = change.made(members)
    return written(members)

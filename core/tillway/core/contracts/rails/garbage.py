"""What strangers send: values of no meaning, and payments that were tampered with."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from tillway.core.contracts.rails.stage import Envelope

JUNK: Final[tuple[object, ...]] = (
    None,
    True,
    0,
    -1,
    10**40,
    1.5,
    float("nan"),
    "",
    " ",
    "\x00",
    "\ud800",
    "naïve 💳",
    "A" * 20_000,
    [],
    [[]],
    {},
    {"": {}},
)
"""Values that a member may have although no client means it."""

_DEEPEST: Final = 8

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
"""Anything that JSON can say, and more."""

names = st.sampled_from(
    ("x402Version", "scheme", "network", "payload", "accepted", "resource", "extensions", "extra")
)

envelopes = st.dictionaries(names | st.text(max_size=8), anything, max_size=5)
"""Objects that look a little like a payment header."""


def spoiled(envelope: Envelope) -> Iterator[Envelope]:
    """Give the envelope with every member, however deep, gone or replaced by junk."""
    for path in _paths(envelope):
        yield _changed(envelope, path, gone=True)
        for value in JUNK:
            yield _changed(envelope, path, value)


def padded(envelope: Envelope) -> Envelope:
    """Give the envelope with a member that nobody knows in every object of it."""
    found = copy.deepcopy(dict(envelope))
    for inner in list(_objects(found)):
        inner["x-unknown"] = "unknown"
    return found


def tampered(payload: bytes, most: int) -> Iterator[bytes]:
    """Give the payload shortened, lengthened, and with bits turned at that many places."""
    yield b""
    yield payload[:1]
    yield payload[:-1]
    yield payload[: len(payload) // 2]
    yield payload + b"\x00"
    yield payload + payload
    step = max(1, len(payload) // most)
    for place in range(0, len(payload), step):
        for bit in (0x01, 0x80):
            turned = bytes([payload[place] ^ bit])
            yield payload[:place] + turned + payload[place + 1 :]


def _objects(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield found
    for inner in found.values():
        if isinstance(inner, dict):
            yield from _objects(inner)


def _paths(found: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(found, Mapping) or len(path) > _DEEPEST:
        return
    for name, inner in found.items():
        yield (*path, name)
        yield from _paths(inner, (*path, name))


def _changed(
    envelope: Envelope, path: tuple[str, ...], value: object = None, *, gone: bool = False
) -> Envelope:
    found: dict[str, Any] = copy.deepcopy(dict(envelope))
    place = found
    for name in path[:-1]:
        place = place[name]
    if gone:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found

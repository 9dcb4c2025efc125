"""Stripe's form encoding: `a[b][0][c]=1` is a tree."""

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from tillway.entrypoints.sandbox.stripe.errors import invalid

# What JSON carries. What comes in is checked where it is read, by read.py.
Json = Any

MAX_BODY: Final = 512 * 1024
_MOST_FIELDS: Final = 5_000
_DEEPEST: Final = 8
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def tree(text: str) -> dict[str, Json]:
    """Read a query or a body. Lists come as trees whose names are numbers; Refused if malformed."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise invalid("The request is not a form, or too large a one.") from None
    root: dict[str, Json] = {}
    for name, value in pairs:
        _put(root, _steps(name), value)
    return root


def _steps(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    steps = [match[1], *match[2][1:-1].split("][")] if match and match[2] else [name]
    if match is None or len(steps) > _DEEPEST:
        raise invalid(f"Invalid parameter name: {name[:100]}", name[:100])
    return steps


def _put(root: dict[str, Json], steps: list[str], value: str) -> None:
    node = root
    for step in steps[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid {steps[0]}: it is both a value and an object.", steps[0])
    last = steps[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid {steps[0]}: it is both a value and an object.", steps[0])
    node[last] = value

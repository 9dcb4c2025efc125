"""HTTP headers that settings add to what we send."""

import re
from collections.abc import Mapping
from typing import Final

from tillway.core.secrets import Secret

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name, by RFC 9110 section 5.6.2."""


def header_name(name: str) -> str:
    """Turn the end of a variable's name into a header: X_API_KEY is X-Api-Key."""
    return "-".join(part.capitalize() for part in name.split("_"))


def sendable(headers: Mapping[str, Secret]) -> str | None:
    """Take headers that HTTP can carry, and no name twice."""
    if any(_TOKEN.fullmatch(name) is None for name in headers):
        return "must have names of letters, digits and dashes"
    if len({name.lower() for name in headers}) < len(headers):
        return "must not name one header twice"
    if any(not value.reveal().isprintable() for value in headers.values()):
        return "must have values without line breaks or control characters"
    return None

"""Checks for settings. Each answers what is wrong, never repeating the value, or None.

Those on texts let an empty one pass: whether a key may be empty is the concern of `not_blank`.
"""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from tillway.core.secrets import HIDDEN, Secret

Number = int | float | Decimal | timedelta

_BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]+")
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_IDENTIFIER: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}")
_PREFIX: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,29}")
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
KEY_BYTES: Final = 32


def _zero(value: Number) -> Any:
    return timedelta() if isinstance(value, timedelta) else 0


def is_zero(value: Number) -> bool:
    """Tell whether a number or a duration is zero."""
    return bool(value == _zero(value))


def is_not_positive(value: Number) -> bool:
    """Tell whether a number or a duration is zero or less."""
    return bool(value <= _zero(value))


def is_blank(text: str) -> bool:
    """Tell whether a text says nothing."""
    return not text.strip()


def positive(value: Number) -> str | None:
    """Take what is more than zero."""
    return "must be more than zero" if is_not_positive(value) else None


def not_negative(value: Number) -> str | None:
    """Take zero and what is more."""
    return "must not be negative" if value < _zero(value) else None


def between(least: Any, most: Any) -> Callable[[Any], str | None]:
    """Take what lies between two values, both included."""

    def check(value: Any) -> str | None:
        return None if least <= value <= most else f"must be between {least} and {most}"

    return check


def at_least(least: Any, name: str = "") -> Callable[[Any], str | None]:
    """Take a value and what is more; `name` is how to write it."""

    def check(value: Any) -> str | None:
        return f"must be at least {name or least}" if value < least else None

    return check


def not_blank(text: str) -> str | None:
    """Take a text that says something."""
    return "is required" if is_blank(text) else None


def each(check: Callable[[Any], str | None]) -> Callable[[Iterable[Any]], str | None]:
    """Ask the same of each of several values."""

    def check_all(values: Iterable[Any]) -> str | None:
        faults = ((place, check(value)) for place, value in enumerate(values, start=1))
        return next((f"item {place} {fault}" for place, fault in faults if fault), None)

    return check_all


def distinct(values: Iterable[Any]) -> str | None:
    """Take values of which no two are equal."""
    seen: list[object] = []
    for value in values:
        if value in seen:
            return "must not hold the same value twice"
        seen.append(value)
    return None


def long_secret(secret: Secret) -> str | None:
    """Take a secret of at least 32 bytes of text."""
    short = len(secret.reveal().encode()) < KEY_BYTES
    return f"must have at least {KEY_BYTES} characters" if short else None


def base58_key(text: str) -> str | None:
    """Take the base58 text of 32 bytes: a Solana address."""
    if not text:
        return None
    right = len(text) <= 44 and _BASE58.fullmatch(text) and _base58_bytes(text) == KEY_BYTES
    return None if right else "must be a base58 address of 32 bytes"


def _base58_bytes(text: str) -> int:
    number = 0
    for letter in text:
        number = number * 58 + _ALPHABET.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return zeros + (number.bit_length() + 7) // 8


def identifier(text: str) -> str | None:
    """Take the name of a table, with its schema or without."""
    if not text or _IDENTIFIER.fullmatch(text):
        return None
    return "must be a name of letters, digits and underscores, with at most one schema before it"


def prefix(text: str) -> str | None:
    """Take what names of tables begin with, with a schema or without."""
    if _PREFIX.fullmatch(text):
        return None
    return "must be at most 30 letters, digits and underscores, with at most one schema before it"


def column_path(text: str) -> str | None:
    """Take the path of a member of an object: names with dots between them."""
    if not text or all(part and len(part) <= 63 for part in text.split(".")):
        return None
    return "must be names of up to 63 characters with dots between them"


def url(*schemes: str) -> Callable[[str], str | None]:
    """Take a URL of one of these schemes, with a host."""

    def check(text: str) -> str | None:
        if not text:
            return None
        parts = split_url(text)
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            return f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}"
        return None

    return check


def split_url(text: str) -> SplitResult | None:
    """Take a URL apart; None when it is none, or has blanks, a bad host or a bad port."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if any(not letter.isprintable() or letter.isspace() for letter in text) or port == 0:
        return None
    return parts if is_host(parts.hostname or "") else None


def is_host(text: str) -> bool:
    """Tell whether a text is a host's name or address."""
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def hide_url(text: str) -> str:
    """Show a URL without what may hold a key: user, path, query and fragment."""
    if not text:
        return ""
    parts = split_url(text)
    if parts is None:
        return HIDDEN
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    more = parts.username or parts.path.strip("/") or parts.query or parts.fragment
    return f"{place}/{HIDDEN}" if more else place


def hide_urls(texts: Iterable[str]) -> str:
    """Show several URLs without what may hold a key."""
    return ", ".join(hide_url(text) for text in texts)

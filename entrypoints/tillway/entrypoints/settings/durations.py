"""Durations as Go writes them: `1h30m`, `250ms`, `1.5h`; a bare number is seconds."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

_MICROSECONDS: Final = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),  # U+00B5, the micro sign
    "μs": Decimal(1),  # U+03BC, the Greek letter; Go reads both
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PART: Final = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[+-]?(?:{_NUMBER}|(?:{_PART.pattern})+)")
_LONGEST_TEXT: Final = 64
MOST: Final = timedelta(days=36_525)
"""A hundred years, well inside Go's 64 bits of nanoseconds."""

EXPECTED: Final = "must be a duration such as 1h30m, 90s or 250ms, or a number of seconds"


def parse_duration(text: str) -> timedelta:
    """Read a duration; ValueError when it is none, is finer than a microsecond, or too long."""
    if len(text) > _LONGEST_TEXT or not _WHOLE.fullmatch(text):
        raise ValueError(EXPECTED)
    body = text.lstrip("+-")
    parts = _PART.findall(body)
    if parts:
        total = sum((Decimal(number) * _MICROSECONDS[unit] for number, unit in parts), Decimal(0))
    else:
        total = Decimal(body) * 1_000_000
    if total != total.to_integral_value():
        raise ValueError("must be whole microseconds")
    if total > MOST // timedelta(microseconds=1):
        raise ValueError("must be at most a hundred years")
    length = timedelta(microseconds=int(total))
    return -length if text.startswith("-") else length


def format_duration(length: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it back: `1h30m`, `0s`."""
    left = abs(length) // timedelta(microseconds=1)
    if left == 0:
        return "0s"
    text = "-" if length < timedelta() else ""
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text + (f"{left}us" if left else "")

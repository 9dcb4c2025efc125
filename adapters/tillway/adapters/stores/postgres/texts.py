"""Texts as PostgreSQL can keep them.

It has no NUL in a text, and what comes from outside may have one. U+0001 therefore begins a pair
that stands for U+0000 or for itself; texts without either are kept as they are. The order by
code point stays.
"""

from typing import Any, Final

_OUT: Final = str.maketrans({"\x00": "\x01\x01", "\x01": "\x01\x02"})


def sent(value: Any) -> Any:
    """Give a parameter as it is sent; only texts, and texts in a list, are changed."""
    if isinstance(value, str):
        return value.translate(_OUT) if "\x00" in value or "\x01" in value else value
    # Lists are arrays: of numbers, all of it is.
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return [sent(each) for each in value]
    return value


def received(value: Any) -> Any:
    """Give a value as it was before it was sent."""
    if isinstance(value, str) and "\x01" in value:
        return value.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
    return value

"""Values in a query, read with bounds; what does not fit is refused by its name."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from aiohttp import web

from tillway.core.errors import Code, Declined

LONGEST: Final = 255
FLAGS: Final = ("", "true", "false", "1", "0")
PLAIN: Final = re.compile("[!-~]*")
_AMOUNT: Final = re.compile("[0-9]{1,12}([.][0-9]{1,6})?")
_DIGITS: Final = 18


def text_in(request: web.Request, name: str, longest: int = LONGEST) -> str:
    """Give a text without surrounding blanks, empty if it is not there."""
    text = request.query.get(name, "")
    if len(text) > longest:
        raise _wrong(name, f"must have at most {longest} characters")
    return text.strip()


def whole_in(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """Give a whole number between two others, both included."""
    text = request.query.get(name, "")
    if not text:
        return default
    readable = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    if not readable or not least <= int(text) <= most:
        raise _wrong(name, f"must be a whole number from {least} to {most}")
    return int(text)


def decimal_in(request: web.Request, name: str) -> Decimal | None:
    """Give an amount in major units, None if it is not there."""
    text = request.query.get(name, "")
    if not text:
        return None
    if not _AMOUNT.fullmatch(text):
        raise _wrong(name, "must be a number that is not below zero, such as 12.50")
    return Decimal(text)


def flag_in(request: web.Request, name: str) -> bool:
    """Give whether something is asked for: `true` or `1`."""
    text = request.query.get(name, "")
    if text not in FLAGS:
        raise _wrong(name, "must be true or false")
    return text in ("true", "1")


def one_in(request: web.Request, name: str, words: Sequence[str]) -> str:
    """Give one of these words, however it is cased and joined; empty if it is not there."""
    text = _bare(request.query.get(name, ""))
    if not text:
        return ""
    for word in words:
        if _bare(word) == text:
            return word
    raise _wrong(name, f"must be one of {', '.join(words)}")


def list_in(
    request: web.Request, name: str, most: int, longest: int = LONGEST, *, plain: bool = False
) -> frozenset[str]:
    """Give the parts of a text with commas between; ``plain`` ones are printable ASCII."""
    if plain and not PLAIN.fullmatch(request.query.get(name, "")):
        raise _wrong(name, "must be printable ASCII without blanks")
    named = (each.strip() for each in text_in(request, name, longest).split(","))
    parts = frozenset(each for each in named if each)
    if len(parts) > most:
        raise _wrong(name, f"must have at most {most} items")
    return parts


def _bare(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _wrong(name: str, message: str) -> Declined:
    return Declined(Code.INVALID_FIELD, f"{name} {message}", field=name)

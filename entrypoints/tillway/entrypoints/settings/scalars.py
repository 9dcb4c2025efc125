"""Turning the text of one value into its type. ValueError says what it must be."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from tillway.core.secrets import Secret
from tillway.entrypoints.settings.durations import parse_duration

_TRUE: Final = frozenset({"1", "true"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_WHOLE: Final = re.compile(r"[+-]?(0|[1-9][0-9]*(_[0-9]+)*)")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_LONGEST_NUMBER: Final = 40
_LONGEST_SHOWN: Final = 40


def _text(text: str) -> str:
    return text


def _bool(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def _int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or not _WHOLE.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(text):
        raise ValueError("must be a number")
    return Decimal(text)


def _float(text: str) -> float:
    return float(_decimal(text))


def _time(text: str) -> datetime:
    """Read RFC 3339. Digits beyond microseconds are cut off."""
    expected = "must be a time with its zone, such as 2027-01-31T00:00:00Z"
    if not _TIME.fullmatch(text):
        raise ValueError(expected)
    usual = re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text.upper().replace(" ", "T"))
    try:
        return datetime.fromisoformat(usual).astimezone(UTC)
    except (OverflowError, ValueError):
        raise ValueError(expected) from None


SCALARS: Final[Mapping[Any, Callable[[str], object]]] = MappingProxyType(
    {
        str: _text,
        bool: _bool,
        int: _int,
        Decimal: _decimal,
        float: _float,
        timedelta: parse_duration,
        datetime: _time,
        Secret: Secret,
    }
)


def yaml_word(kind: object, text: str) -> str:
    """Read `yes` and `on` as YAML 1.1 does; in a variable Cedros takes them for false."""
    return "true" if kind is bool and text.lower() in ("yes", "on") else text


def parse_choice(text: str, choices: tuple[str, ...], synonyms: Mapping[str, str]) -> str:
    """Find which of the choices a text names; case does not count."""
    named = {choice.lower(): choice for choice in choices} | dict(synonyms)
    word = text.strip().lower()
    if word in named:
        return named[word]
    allowed = ", ".join(choice for choice in choices if choice)
    raise ValueError(f"must be one of {allowed}{did_you_mean(word, named)}")


def did_you_mean(
    word: str, known: Mapping[str, object] | tuple[str, ...], likeness: float = 0.55
) -> str:
    """Give ` (did you mean ...?)` when a known word is close, else nothing."""
    close = get_close_matches(word, [each for each in known if each], n=1, cutoff=likeness)
    return f" (did you mean {close[0]}?)" if close else ""


def shown(text: str) -> str:
    """Quote a short value; a long one may be a key that was put in the wrong place."""
    return f", not {text!r}" if len(text) <= _LONGEST_SHOWN else ""

"""Readers of parameters: what Stripe takes, and its refusal of the rest by the parameter's path."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.wire import Json

Reader = Callable[[Json, str], Json]
"""Takes what came and the path of its name; gives the value or raises Refused."""

_LONGEST: Final = 5_000
_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500
MOST_MINOR: Final = 99_999_999
"""The largest amount that Stripe charges in most currencies."""


def text(longest: int = _LONGEST, *, unset: bool = False) -> Reader:
    """Take a text; with ``unset``, an empty one stands for none."""

    def read(raw: Json, path: str) -> Json:
        if not isinstance(raw, str):
            raise invalid(f"Invalid string: {path}", path)
        if len(raw) > longest:
            message = f"Invalid string: {path} must be at most {longest} characters"
            raise invalid(message, path, "parameter_invalid_string_length")
        if not raw and not unset:
            message = f"You passed an empty string for '{path}', which cannot be unset."
            raise invalid(message, path, "parameter_invalid_empty")
        return raw or None

    return read


def choice(*known: str) -> Reader:
    """Take one of these words."""

    def read(raw: Json, path: str) -> Json:
        if raw not in known:
            raise invalid(f"Invalid {path}: must be one of {', '.join(known)}", path)
        return raw

    return read


def whole(least: int = 0, most: int = 2**53) -> Reader:
    """Take a whole number."""

    def read(raw: Json, path: str) -> Json:
        digits = raw.removeprefix("-") if isinstance(raw, str) else ""
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            raise invalid(f"Invalid integer: {str(raw)[:40]}", path, "parameter_invalid_integer")
        if not least <= (number := int(raw)) <= most:
            message = f"Invalid {path}: must be from {least} to {most}"
            raise invalid(message, path, "parameter_invalid_integer")
        return number

    return read


def decimal(least: str = "0", most: str = "1e12") -> Reader:
    """Take a decimal number, as text."""

    def read(raw: Json, path: str) -> Json:
        try:
            number = Decimal(raw if isinstance(raw, str) and len(raw) < 30 else "NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not Decimal(least) <= number <= Decimal(most):
            raise invalid(f"Invalid decimal: {path} must be from {least} to {most}", path)
        return raw

    return read


def flag(raw: Json, path: str) -> Json:
    """Take true or false."""
    if raw not in ("true", "false"):
        raise invalid(f"Invalid boolean: {str(raw)[:40]}", path)
    return raw == "true"


def metadata(raw: Json, path: str) -> Json:
    """Take a table of texts; an empty text stands for taking the key away."""
    if raw == "":
        return {}
    if not isinstance(raw, dict) or not all(isinstance(each, str) for each in raw.values()):
        raise invalid(f"Invalid object: {path}", path)
    if len(raw) > _MOST_KEYS:
        raise invalid(f"{path} can have at most {_MOST_KEYS} keys", path)
    for key, value in raw.items():
        if len(key) > _LONGEST_KEY:
            raise invalid(f"{path} keys must be at most {_LONGEST_KEY} characters", path)
        if len(value) > _LONGEST_VALUE:
            message = f"{path} values must be at most {_LONGEST_VALUE} characters"
            raise invalid(message, f"{path}[{key}]")
    return dict(raw)


def anything(raw: Json, path: str) -> Json:
    """Take what Stripe knows and the sandbox has no use for."""
    del path
    return raw


def either(word: str, other: Reader) -> Reader:
    """Take a word, or something else; an empty word stands for none."""

    def read(raw: Json, path: str) -> Json:
        return (raw or None) if raw == word else other(raw, path)

    return read


def each(reader: Reader, most: int = 100) -> Reader:
    """Take a list; an empty text stands for an empty one."""

    def read(raw: Json, path: str) -> Json:
        if raw == "":
            return []
        if not isinstance(raw, dict) or not all(key.isdecimal() for key in raw):
            raise invalid(f"Invalid array: {path}", path)
        if len(raw) > most:
            raise invalid(f"{path} can have at most {most} items", path)
        ordered = sorted(raw.items(), key=lambda item: int(item[0]))
        return [reader(value, f"{path}[{key}]") for key, value in ordered]

    return read


def fields(*required: str, **readers: Reader) -> Reader:
    """Take an object of these fields and no others."""

    def read(raw: Json, path: str) -> Json:
        if not isinstance(raw, dict):
            raise invalid(f"Invalid object: {path}", path)
        for name in raw:
            if name not in readers:
                full = _inside(path, name)
                message = f"Received unknown parameter: {full[:200]}"
                raise invalid(message, full[:200], "parameter_unknown")
        for name in required:
            if name not in raw:
                full = _inside(path, name)
                message = f"Missing required param: {full}."
                raise invalid(message, full, "parameter_missing")
        return {name: readers[name](value, _inside(path, name)) for name, value in raw.items()}

    return read


def _inside(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


currency: Final = choice(
    *("usd", "eur", "gbp", "jpy", "chf", "cad", "aud", "nzd", "sek", "nok", "dkk", "pln"),
    *("czk", "huf", "inr", "brl", "mxn", "sgd", "hkd", "krw"),
)
EXPAND: Final = each(text(200), most=20)
CREATED: Final = fields(gt=whole(), gte=whole(), lt=whole(), lte=whole())


def moment(raw: Json, path: str) -> Json:
    """Take a time, or a span of times."""
    return CREATED(raw, path) if isinstance(raw, dict) else whole()(raw, path)

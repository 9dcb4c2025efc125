"""One row of somebody else's table, read field by field.

A row is what JSON has: texts, numbers without loss (whole ones, and decimals), booleans, null,
lists and objects. Nothing is guessed: what cannot be what it should be is Unreadable.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Final

from attrs import frozen

from tillway.adapters.stores.mapped.layout import Layout
from tillway.core.money import LEAST, MOST

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_UNEVEN: Final = (Inexact, InvalidOperation, DivisionByZero, Overflow)


class Unreadable(Exception):
    """A row that makes no sense: which one, in which column, and what should be there.

    Values are not repeated: what people put into the wrong column may be anything.
    """

    def __init__(self, table: str, row: str, column: str, message: str) -> None:
        super().__init__(f"table {table}, row {row!r}, column {column}: {message}")


def parsed(text: str) -> Any:
    """Read JSON without loss. ValueError for what is none."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


@frozen
class Row:
    """The values of a row by column."""

    layout: Layout
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Say which row this is."""
        return str(self.values.get(self.layout.columns[self.layout.kind.name]))[:80]

    def fault(self, field: str, message: str) -> Unreadable:
        """Give the error of a field."""
        return Unreadable(self.layout.table, self.name, self.layout.where(field), message)

    def value(self, field: str) -> Any:
        """Give what a field's column holds, or the member of it that is meant; None for nothing."""
        transform, column = self.layout.transform(field), self.layout.columns.get(field)
        if transform.constant is not None:
            return transform.constant
        value = None if column is None else self.values[column]
        return self._member(field, value, transform.json_field) if transform.json_field else value

    def text(self, field: str) -> str:
        """Give a text; nothing is an empty one, and a number is read as it is written."""
        value = self.value(field)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.fault(field, "must be a text")
        return str(value)

    def required(self, field: str) -> str:
        """Give a text that may not be empty."""
        text = self.text(field)
        if not text:
            raise self.fault(field, "must not be empty")
        return text

    def word(self, field: str, words: Sequence[str]) -> str:
        """Give a text that is one of these, or empty."""
        text = self.text(field)
        if text and text not in words:
            raise self.fault(field, f"must be one of {', '.join(words)}")
        return text

    def decimal(self, field: str) -> Decimal | None:
        """Give a number, multiplied or divided as the layout says, exactly."""
        value = self.value(field)
        if value is None or value == "":
            return None
        number, transform = self._number(field, value), self.layout.transform(field)
        try:
            if transform.multiply is not None:
                return _EXACT.multiply(number, transform.multiply)
            if transform.divide is not None:
                return _EXACT.divide(number, transform.divide)
        except _UNEVEN:
            raise self.fault(field, "does not come out even") from None
        return number

    def whole(self, field: str) -> int | None:
        """Give a whole number of 64 bits, never rounded."""
        number = self.decimal(field)
        if number is None:
            return None
        if number != number.to_integral_value() or not LEAST <= number <= MOST:
            raise self.fault(field, "must be a whole number (of minor units, if it is an amount)")
        return int(number)

    def flag(self, field: str, default: bool) -> bool:
        """Tell whether a field is set: a boolean, 0 or 1. Nothing is false, no column the default.

        So a row that does not say that it is active is not.
        """
        value = self.value(field)
        if field not in self.layout.columns and value is None:
            return default
        known = {None: False, "": False, "true": True, "false": False, "1": True, "0": False}
        if isinstance(value, bool):
            return value
        text = str(value).lower() if isinstance(value, int | str) else value
        if (text is not None and not isinstance(text, str)) or text not in known:
            raise self.fault(field, "must be true or false")
        return known[text]

    def moment(self, field: str) -> datetime | None:
        """Give a time in UTC; one without a zone is UTC."""
        value = self.value(field)
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise self.fault(field, "must be a time") from None

    def texts(self, field: str) -> Sequence[str]:
        """Give a list of texts, in JSON or as the database has lists."""
        value = self._json(field)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.fault(field, "must be a list of texts")
        return value

    def members(self, field: str) -> Mapping[str, Any] | None:
        """Give an object in JSON."""
        value = self._json(field)
        if value is not None and not isinstance(value, dict):
            raise self.fault(field, "must be an object in JSON")
        return value

    def _json(self, field: str) -> Any:
        value = self.value(field)
        if not isinstance(value, str):
            return value
        return self._parsed(field, value) if value.strip() else None

    def _parsed(self, field: str, text: str) -> Any:
        try:
            return parsed(text)
        except (ValueError, RecursionError):
            raise self.fault(field, "must be JSON") from None

    def _member(self, field: str, value: Any, path: str) -> Any:
        if isinstance(value, str) and value.strip():
            value = self._parsed(field, value)
        for step in path.split("."):
            if value is None or value == "":
                return None
            if not isinstance(value, dict):
                raise self.fault(field, "must be an object in JSON")
            value = value.get(step)
        return value

    def _number(self, field: str, value: Any) -> Decimal:
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return Decimal(value.strip())
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
        raise self.fault(field, "must be a number")

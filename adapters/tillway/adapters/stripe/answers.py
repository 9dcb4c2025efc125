"""Stripe's objects, read strictly: what has another shape is not guessed at.

Fields that moved in API 2025-03-31 are read in both places by those who need them.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NoReturn, TypeVar

from attrs import frozen

from tillway.core.assets import Asset, Assets
from tillway.core.errors import Code, Declined
from tillway.core.money import LEAST, MOST, Money

Word = TypeVar("Word", bound=StrEnum)

LONGEST_TEXT: Final = 8_192
_LAST_SECOND: Final = 253_402_300_799
_ID: Final = re.compile(r"[!-~]{1,255}")


class Misshapen(Declined):
    """An object lacks what it must have, or has it in another shape. ``field`` says where."""

    def __init__(self, path: str, fault: str) -> None:
        super().__init__(Code.INVALID_FIELD, f"{path or 'the object'} {fault}", field=path)


@frozen
class Fields:
    """An object's members. ``path`` says where it stands, for whoever hears that it is wrong.

    Whatever is read is None where it is absent or null, and Misshapen where it has another type;
    the ``need_`` verbs refuse what is absent too.
    """

    members: Mapping[str, object]
    path: str = ""

    @classmethod
    def of(cls, value: object, path: str = "") -> "Fields":
        """Take an object; Misshapen for anything else."""
        if not isinstance(value, Mapping):
            raise Misshapen(path, "must be an object")
        return cls(value, path)

    def at(self, name: str) -> str:
        """Give the path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Tell whether a member is there and not null."""
        return self.members.get(name) is not None

    def inner(self, name: str) -> "Fields | None":
        """Read an object."""
        value = self.members.get(name)
        return None if value is None else Fields.of(value, self.at(name))

    def need(self, name: str) -> "Fields":
        """Read an object that must be there."""
        return Fields.of(self.members.get(name), self.at(name))

    def each(self, name: str) -> "Iterator[Fields]":
        """Read the objects of a list, or of Stripe's object around one; none if it is absent."""
        value = self.members.get(name)
        if isinstance(value, Mapping):
            yield from Fields(value, self.at(name)).each("data")
            return
        if value is not None and not isinstance(value, list):
            raise Misshapen(self.at(name), "must be a list")
        for place, item in enumerate(value or ()):
            yield Fields.of(item, f"{self.at(name)}[{place}]")

    def text(self, name: str) -> str | None:
        """Read a text that can be kept anywhere."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not _can_be_kept(value):
            raise Misshapen(self.at(name), "must be a text")
        return value

    def need_text(self, name: str) -> str:
        """Read a text that must be there and say something."""
        return self.text(name) or self._missing(name)

    def word(self, name: str, kind: type[Word]) -> Word:
        """Read one of a few words, which must be there."""
        named = self.need_text(name)
        found = next((one for one in kind if one.value == named), None)
        return found or self._missing(name, "is not known here")

    def ref(self, name: str) -> str | None:
        """Read an id, of which Stripe may have written out the whole object."""
        value = self.members.get(name)
        if isinstance(value, Mapping):
            return Fields(value, self.at(name)).ref("id")
        if value is None:
            return None
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise Misshapen(self.at(name), "must be an id")
        return value

    def need_ref(self, name: str) -> str:
        """Read an id that must be there."""
        return self.ref(name) or self._missing(name)

    def whole(self, name: str) -> int | None:
        """Read a whole number of 64 bits."""
        value = self.members.get(name)
        if value is None:
            return None
        if type(value) is not int or not LEAST <= value <= MOST:
            raise Misshapen(self.at(name), "must be a whole number")
        return value

    def need_whole(self, name: str) -> int:
        """Read a whole number that must be there."""
        value = self.whole(name)
        return self._missing(name) if value is None else value

    def flag(self, name: str) -> bool:
        """Read what is true or false; False if it is absent."""
        value = self.members.get(name)
        if value is not None and not isinstance(value, bool):
            raise Misshapen(self.at(name), "must be true or false")
        return bool(value)

    def time(self, name: str) -> datetime | None:
        """Read a moment in seconds since 1970."""
        seconds = self.whole(name)
        if seconds is None:
            return None
        if not 0 <= seconds <= _LAST_SECOND:
            raise Misshapen(self.at(name), "must be a time")
        return datetime.fromtimestamp(seconds, UTC)

    def need_time(self, name: str) -> datetime:
        """Read a moment that must be there."""
        return self.time(name) or self._missing(name)

    def money(self, name: str, asset: Asset) -> Money:
        """Read an amount of minor units that must be there."""
        return Money(self.need_whole(name), asset)

    def asset(self, assets: Assets, name: str = "currency") -> Asset:
        """Read a currency that must be there, by Stripe's name of it."""
        named = self.need_text(name).lower()
        found = next((one for one in assets if one.stripe == named), None)
        if found is None:
            raise Misshapen(self.at(name), "is a currency that is not known here")
        return found

    def texts(self, name: str) -> Mapping[str, str]:
        """Read a mapping of texts, such as metadata."""
        inner = self.inner(name)
        if inner is None:
            return {}
        for key in inner.members:
            if not isinstance(key, str) or not _can_be_kept(key):
                raise Misshapen(self.at(name), "has a key that cannot be kept")
        return {key: inner.text(key) or "" for key in inner.members}

    def _missing(self, name: str, fault: str = "is missing") -> NoReturn:
        raise Misshapen(self.at(name), fault)


def _can_be_kept(text: str) -> bool:
    # No store keeps a NUL, and half a surrogate pair is no character.
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)

"""Texts that must not be seen: keys, tokens, connection strings."""

import hashlib
import hmac
from typing import Final, NoReturn, Self, final

HIDDEN: Final = "***"
"""What a secret looks like wherever it is shown."""


@final
class Secret:
    """A text that only `reveal` gives away.

    Its repr, str and format are `***`, so logs, errors and f-strings keep it. It refuses to be
    pickled or otherwise serialised, and has no hash, so it is no dictionary's key. Equality takes
    the same time for every other secret. An empty one is false.
    """

    __slots__ = ("__text",)

    __hash__ = None  # type: ignore[assignment]  # the documented way to say "not hashable"

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError("a secret is text")
        self.__text = text

    def reveal(self) -> str:
        """Give the text. Call it where the secret is used, and pass the result no further."""
        return self.__text

    def matches(self, text: str) -> bool:
        """Compare with a text that somebody presents, in constant time."""
        return hmac.compare_digest(_digest(self.__text), _digest(text))

    def __eq__(self, other: object) -> bool:
        """Compare with another secret, in constant time; no text equals a secret."""
        return self.matches(other.__text) if isinstance(other, Secret) else NotImplemented

    def __bool__(self) -> bool:
        """Tell whether there is any text."""
        return bool(self.__text)

    def __repr__(self) -> str:
        """Show nothing. `str` shows the same."""
        return HIDDEN

    def __format__(self, spec: str) -> str:
        """Show nothing, whatever the width."""
        return HIDDEN

    def __copy__(self) -> Self:
        """Give the same secret; it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Give the same secret, so that settings can be evolved and copied."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling."""
        raise TypeError("a secret is not serialised")

    def __getstate__(self) -> NoReturn:
        """Refuse whatever else would read the text out."""
        raise TypeError("a secret is not serialised")


def _digest(text: str) -> bytes:
    """Make texts of one length of any texts, since compare_digest shows where lengths differ."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

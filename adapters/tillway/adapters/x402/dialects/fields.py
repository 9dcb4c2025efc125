"""Members of a buyer's JSON, taken one by one with their bounds.

Unknown members are tolerated; null is the same as absent (TypeScript clients send it).
"""

import binascii
from collections.abc import Mapping
from typing import Final, NoReturn

from attrs import frozen

from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.transaction import LONGEST
from tillway.core.errors import Code

LONGEST_NAME: Final = 64
LONGEST_TEXT: Final = 500
LONGEST_SEALED: Final = 8192

_LONGEST_BASE64: Final = (LONGEST + 2) // 3 * 4


@frozen
class Fields:
    """A JSON object of a buyer's. ``path`` is where it stands, for refusals to name."""

    members: Mapping[str, object]
    path: str = ""

    def place(self, name: str) -> str:
        """Give the path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, fault: str, reason: Reason = Reason.INVALID_PAYLOAD) -> NoReturn:
        """Raise Declined (invalid_payment_proof) that names the member at fault."""
        place = self.place(name)
        code = Code.INVALID_PAYMENT_PROOF
        raise refused(reason, f"{place} {fault}", code=code, field=place)

    def text(self, name: str, most: int = LONGEST_TEXT) -> str | None:
        """Give a text of at most that many characters, None if absent."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, "must be a string")
        fault = fault_of(value, most)
        if fault is not None:
            self.refuse(name, fault)
        return value

    def inner(self, name: str) -> "Fields | None":
        """Give a member that is an object itself, None if absent."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.refuse(name, "must be an object")
        return Fields(value, self.place(name))

    def required(self, name: str) -> "Fields":
        """Give an object that must be there."""
        found = self.inner(name)
        if found is None:
            self.refuse(name, "is missing")
        return found

    def transaction(self, name: str = "transaction") -> bytes:
        """Give the bytes of a transaction: standard base64, padded, of one spelling only."""
        text = self.text(name, _LONGEST_BASE64)
        if not text:
            self.refuse(name, "is missing")
        try:
            raw = binascii.a2b_base64(text, strict_mode=True)
            same = binascii.b2a_base64(raw, newline=False) == text.encode()
        except ValueError:
            same = False
        if not same:
            self.refuse(name, "must be base64 with padding", Reason.UNDECODABLE)
        return raw


def fault_of(value: str, most: int) -> str | None:
    """Say what keeps a text from being stored and shown, or None."""
    if len(value) > most:
        return f"must not be longer than {most} characters"
    if "\0" in value:
        return "must not contain a null character"
    # JSON can spell halves of characters that no UTF-8 has.
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "must be Unicode text"
    return None

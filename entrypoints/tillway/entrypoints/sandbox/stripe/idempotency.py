"""What `Idempotency-Key` does: a write is done once, and its answer given again for a day."""

from collections import OrderedDict
from typing import Final

from attrs import define, field, frozen

from tillway.entrypoints.sandbox.stripe.errors import Refused

_LIVES: Final = 24 * 3600
_LONGEST: Final = 255


@frozen(kw_only=True)
class Answer:
    """An answer as it goes out."""

    status: int
    body: bytes


@define
class _Entry:
    print: str
    at: float
    answer: Answer | None = None


@define(eq=False)
class Remembered:
    """The writes of the last day by key, ``kept`` at most."""

    kept: int = 10_000
    _entries: OrderedDict[str, _Entry] = field(factory=OrderedDict)

    def begin(self, key: str, print: str, now: float) -> Answer | None:  # noqa: A002  # of the request
        """Give the answer of a write that was done; None if it is to be done now.

        Refused where the key belongs to another request, or to one that still runs.
        """
        if len(key) > _LONGEST:
            message = f"Idempotency keys can be at most {_LONGEST} characters long."
            raise Refused(message, type="idempotency_error")
        found = self._entries.get(key)
        if found is None or now - found.at >= _LIVES:
            self._entries.pop(key, None)
            self._entries[key] = _Entry(print=print, at=now)
            self._make_room()
            return None
        if found.print != print:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they "
                "were first used with. Try using a key other than the one given."
            )
            raise Refused(message, type="idempotency_error")
        if found.answer is None:
            message = "There is currently another in-progress request using this key."
            code = "idempotency_key_in_use"
            raise Refused(message, status=409, type="idempotency_error", code=code)
        return found.answer

    def end(self, key: str, answer: Answer) -> None:
        """Remember how a write was answered."""
        if key in self._entries:
            self._entries[key].answer = answer

    def forget(self, key: str) -> None:
        """Let a write that was not done be tried again with its key."""
        self._entries.pop(key, None)

    def state(self) -> list[list[object]]:
        """Give what is known, for keeping."""
        return [
            [key, each.print, each.at, each.answer.status, each.answer.body.decode()]
            for key, each in self._entries.items()
            if each.answer is not None
        ]

    def restore(self, state: list[list[object]]) -> None:
        """Take back what was kept."""
        for key, print_, at, status, body in state:
            answer = Answer(status=int(str(status)), body=str(body).encode())
            self._entries[str(key)] = _Entry(print=str(print_), at=float(str(at)), answer=answer)

    def _make_room(self) -> None:
        while len(self._entries) > self.kept:
            self._entries.popitem(last=False)

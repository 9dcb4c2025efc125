"""What is wrong with the settings: every fault at once, each by its key path."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

MOST_SHOWN: Final = 100


@frozen(kw_only=True)
class Fault:
    """One thing that is wrong.

    `key` is the key's path (`x402.token_mint`), empty for the file as a whole. `message` says
    what must be, never a secret's value. `place` is where the value came from: a line of the
    file, or an environment variable.
    """

    key: str
    message: str
    place: str = ""

    def __str__(self) -> str:
        """Give one line: key, message, place. A message that names its key stands alone."""
        named = not self.key or self.message.startswith(self.key)
        text = self.message if named else f"{self.key}: {self.message}"
        return f"{text} [{self.place}]" if self.place else text


class SettingsError(Exception):
    """The settings cannot be used. `faults` are in the order of the settings' keys."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        """Give one line a fault."""
        lines = [str(fault) for fault in self.faults[:MOST_SHOWN]]
        more = len(self.faults) - len(lines)
        return "\n".join([*lines, f"and {more} more"] if more else lines)

"""The Vary header, which several parts add to."""

from typing import Final

from multidict import CIMultiDict, istr

VARY: Final = istr("Vary")


def vary(headers: "CIMultiDict[str]", names: str) -> None:
    """Add names to Vary, keeping what others said."""
    before = headers.setdefault(VARY, names)
    if before is not names:
        headers[VARY] = f"{before}, {names}"

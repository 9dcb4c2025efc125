"""The Vary header, which several parts add to."""

from multidict import CIMultiDict


def vary(headers: "CIMultiDict[str]", names: str) -> None:
    """Add names to Vary, keeping what others said."""
    before = headers.get("Vary")
    headers["Vary"] = names if before is None else f"{before}, {names}"

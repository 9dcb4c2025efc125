"""Says at the end of a run which store was tested on what, and what that cannot prove."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_ran: dict[tuple[str, str], str] = {}


def ran_on(store: str, on: str, lacks: str = "") -> None:
    """Note that a store is tested on something, and what that cannot prove."""
    _ran[store, on] = lacks


@contextmanager
def or_skipped(store: str, unable: type[Exception]) -> Iterator[None]:
    """Skip tests of a store that nothing here can run, and note it."""
    try:
        yield
    except unable as reason:
        ran_on(store, "NOTHING", str(reason))
        pytest.skip(str(reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each store and server."""
    if not _ran:
        return
    terminalreporter.section("stores")
    for (store, on), lacks in sorted(_ran.items()):
        more = f" -- {lacks}" if lacks else ""
        terminalreporter.line(f"{store:<9} on {on}{more}")

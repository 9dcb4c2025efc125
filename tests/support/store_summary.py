"""Says at the end of a run which store was tested on what, and what that cannot prove."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tillway.core.contracts.counts import FULL

_ran: dict[tuple[str, str], str] = {}
_left: dict[str, int] = {}

PART: Final = 5
"""Of laws that are tried again in another setting, one in so many, unless all counts are asked."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Try a part of the laws whose classes are marked ``again``, and note how many are left."""
    if FULL:
        return
    again = [item for item in items if item.get_closest_marker("again")]
    left = [item for n, item in enumerate(again) if n % PART]
    for item in left:
        name = item.nodeid.split("::")[1]
        _left[name] = _left.get(name, 0) + 1
    config.hook.pytest_deselected(items=left)
    out = {id(item) for item in left}
    items[:] = [item for item in items if id(item) not in out]


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


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have a process that runs a part of the tests tell the one that counts them together."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["stores"] = [(*key, lacks) for key, lacks in _ran.items()]
        told["left"] = _left


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Hear what such a process has run; each has left out the same."""
    told = getattr(node, "workeroutput", {})
    for store, on, lacks in told.get("stores", []):
        _ran[store, on] = lacks
    _left.update(told.get("left", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each store and server."""
    if not _ran:
        return
    terminalreporter.section("stores")
    for (store, on), lacks in sorted(_ran.items()):
        more = f" -- {lacks}" if lacks else ""
        terminalreporter.line(f"{store:<9} on {on}{more}")
    for name, many in sorted(_left.items()):
        text = f"{name}: {many} laws wait for TILLWAY_TESTS=full; one in {PART} was tried"
        terminalreporter.line(text)

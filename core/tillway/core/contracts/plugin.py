"""The kit: pytest tries a store or a rail that is named, and no test needs to be written.

::

    pytest --tillway-store=package:factory
    pytest --tillway-rail=package:factory
    pytest --tillway-store-place=package:factory

What a factory gives stands in ``contracts.kit.factories``. Pytest loads this module wherever
Tillway is installed: without these options nothing else is imported and nothing happens.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

import pytest

STORE: Final = "--tillway-store"
RAIL: Final = "--tillway-rail"
PLACE: Final = "--tillway-store-place"

_ABOUT: Final[Mapping[str, str]] = {
    STORE: "try all laws of stores on what this gives: a fresh, empty store for each",
    RAIL: "try all laws of rails on what this gives: a Scene with a rail and a buyer",
    PLACE: "kill processes that write to a store in this folder, and see what is left in it",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("tillway", "laws of Tillway's stores and rails")
    for option, about in _ABOUT.items():
        group.addoption(option, action="append", metavar="PACKAGE:FACTORY", help=about)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Prepare for what is asked for, if anything is."""
    asked = {option: named for option in _ABOUT if (named := config.getoption(option))}
    if not asked or config.getoption("help"):
        return
    for option, names in asked.items():
        if len(names) > 1:
            raise pytest.UsageError(f"{option} is given {len(names)} times: try one at a time")
    _require(config)
    # Only now: it imports all laws.
    from tillway.core.contracts.kit.session import Kit

    kit = Kit.prepared(config, {option: names[0] for option, names in asked.items()})
    config.pluginmanager.register(kit, "tillway-kit")


def _require(config: pytest.Config) -> None:
    """Refuse to begin without what the laws are written with."""
    missing = [] if config.pluginmanager.hasplugin("asyncio") else ["pytest-asyncio"]
    if find_spec("hypothesis") is None:
        missing.append("hypothesis")
    if missing:
        raise pytest.UsageError(
            f"the laws need {' and '.join(missing)}: pip install 'tillway[contracts]'"
        )

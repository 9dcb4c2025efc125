"""What is not used is not imported: starting costs only what is configured."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

import pytest

from support.distributions import SETTINGS

TECHNOLOGY = (
    "aiohttp",
    "asyncpg",
    "cryptography",
    "prometheus_client",
    "pybreaker",
    "solana",
    "solders",
    "sqlite3",
    "stripe",
    "tenacity",
    "uvloop",
)

PLUGINS = sorted(
    point.module
    for point in entry_points(group="tillway")
    if point.dist is not None and point.dist.name == "tillway"
)


def imported_by(code: str) -> Sequence[str]:
    """Run code in a process of its own and name the technologies that it has imported."""
    listing = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    )
    return [name for name in TECHNOLOGY if name in run.stdout.split()]


class TestCheapImports:
    def test_the_registry_imports_no_technology(self) -> None:
        """Nor does listing what is installed."""
        code = "from tillway.plugins.registry import Registry, installed\ninstalled()"
        assert imported_by(code) == []

    @pytest.mark.parametrize("module", PLUGINS)
    def test_a_plugins_module_imports_no_technology(self, module: str) -> None:
        """Only its hooks do; a face is made of HTTP."""
        usual = ["aiohttp"] if module.startswith("tillway.entrypoints") else []
        assert imported_by(f"import {module}") == usual

    def test_all_of_ours_are_looked_at(self) -> None:
        """The stores, the rail, the metrics and the faces."""
        assert len(PLUGINS) >= 8

    def test_a_gateway_without_a_rail_imports_no_solana(self) -> None:
        """Joining and configuring one on memory, what it seals quotes with included."""
        code = f"""
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure
create_app(configure({SETTINGS!r}, {{}}))
"""
        assert {"solana", "solders", "sqlite3"}.isdisjoint(imported_by(code))

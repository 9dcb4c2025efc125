"""Distributions that are installed nowhere but in a folder, for a process that has it on its path.

What a folder holds is real: a dist-info with entry points, and modules. Nothing is patched.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Final

SETTINGS: Final = """
logging: {environment: development}
storage: {backend: memory}
paywall: {resources: {mug: {fiat_amount_cents: 1250}}}
"""
"""Settings that are complete without any rail."""

_PRELUDE: Final = f"""
    SETTINGS = {SETTINGS!r}
    import datetime, secrets
    from tillway.core.assets import BUILT_IN
    from tillway.core.observations import Observers
    from tillway.entrypoints.clocks import SystemClock
    from tillway.plugins.context import Context
    from tillway.plugins.registry import PluginError, Registry, installed, sections

    def context(**sections):
        return Context(sections=sections, assets=BUILT_IN, clock=SystemClock(),
                       random=secrets.token_bytes, observe=Observers(), environment="development")

    def enabled(*names):
        registry = Registry()
        registry.enable(registry.load(names))
        return registry

    def said(ask):
        try:
            return ask()
        except PluginError as error:
            return str(error)
"""

RAIL: Final = """
    from tillway.plugins.hooks import hookimpl
    from tillway.plugins.plugin import Kind, Plugin

    PLUGIN = Plugin(kind=Kind.RAIL, name="{name}", summary="a rail")

    class Rail:
        def __init__(self, name):
            self.name = self.method = name

        def sells(self, product):
            return None

        def offer(self, quote, sealed, authenticator, shown):
            raise AssertionError("never asked")

    @hookimpl
    def tillway_rails(context):
        return [Rail("{name}")]
"""
"""A plugin's module with one rail; ``{name}`` is for `str.format`."""


def write_distribution(
    folder: Path,
    name: str,
    *,
    points: Mapping[str, str],
    modules: Mapping[str, str] | None = None,
    extras: Sequence[str] = (),
) -> None:
    """Write a distribution; ``points`` are entry points, ``modules`` are sources by name."""
    place = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    place.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    (place / "METADATA").write_text("\n".join(lines) + "\n")
    listed = [f"{point} = {module}" for point, module in points.items()]
    (place / "entry_points.txt").write_text("\n".join(["[tillway]", *listed]) + "\n")
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(dedent(source))


def write_plugin(folder: Path, name: str, source: str, *, extras: Sequence[str] = ()) -> None:
    """Write a distribution ``tillway-<name>`` with one plugin, whose module is ``my_<name>``."""
    module = f"my_{name}"
    write_distribution(
        folder,
        f"tillway-{name}",
        points={name: module},
        modules={module: source},
        extras=extras,
    )


def say(folder: Path, code: str) -> str:
    """Run code in a process with that folder on its path, and give what it printed.

    A PluginError is printed as its message. The code may use `SETTINGS`, `context`, `enabled`,
    `said` (what a call gives or refuses) and what the registry exports.
    """
    body = "\n".join(f"    {line}" for line in dedent(code).strip().splitlines())
    tried = f"try:\n{body}\nexcept PluginError as error:\n    print('PluginError:', error)\n"
    run = subprocess.run(
        [sys.executable, "-c", dedent(_PRELUDE) + tried],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()

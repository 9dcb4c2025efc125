"""From a settings file to typed settings and the plugins that they name."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from tillway.entrypoints.settings.loading import (
    Settings,
    Source,
    glance,
    load,
    read_source,
)
from tillway.entrypoints.settings.sections import BUILT_IN, LoggingSettings
from tillway.plugins.registry import Registry, offers, sections

FACES: Final = ("paywall", "cedros", "discovery", "ops")
OBSERVERS: Final = ("prometheus",)


@frozen(kw_only=True)
class Configured:
    """Valid settings, and the registry in which their plugins are enabled."""

    settings: Settings
    registry: Registry

    @property
    def environment(self) -> str:
        """Where the gateway runs: production, staging or development."""
        return self.settings.section(LoggingSettings).environment


def load_config(path: Path | str | None = None) -> Configured:
    """Read a YAML file (none: defaults) and the environment, ``.env`` included.

    Raises SettingsError with every fault, and PluginError for a plugin that cannot be loaded.
    """
    return _configured(read_source(path, os.environ))


def configure(text: str, environ: Mapping[str, str]) -> Configured:
    """Do the same with a text and variables that are given."""
    return _configured(Source(yaml=text, environ=environ))


def _configured(source: Source) -> Configured:
    registry = Registry()
    plugins = registry.load(plugins_of(source))
    settings = load(sections(plugins, BUILT_IN), source)
    registry.enable(plugins)
    return Configured(settings=settings, registry=registry)


def plugins_of(source: Source) -> Sequence[str]:
    """Name the plugins: ours, the store, rails whose section is set, and what is listed.

    A section of ours whose rail is not there yet is read and not in force.
    """
    seen = glance(source)
    offered = offers().names
    rails = [name for name in seen.rails if name in offered]
    return [*OBSERVERS, seen.backend, *rails, *FACES, *seen.plugins]

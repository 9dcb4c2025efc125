"""Find plugins among the installed distributions, and import one by its name.

An entry point of the group ``tillway`` names a module with a constant ``PLUGIN`` and hook
implementations. Importing the module must be cheap: its technology is imported in the hooks.
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from inspect import isroutine
from types import ModuleType
from typing import Any

from attrs import frozen

from tillway.plugins.hooks import PROJECT
from tillway.plugins.plugin import Plugin

_MARK = f"{PROJECT}_impl"
_PREFIX = f"{PROJECT}_"


class PluginError(Exception):
    """A plugin cannot be used as configured; the message says what to do about it."""


@frozen(kw_only=True)
class Installed:
    """An entry point that some distribution offers; ``module`` is not imported yet."""

    name: str
    module: str
    distribution: str
    version: str


@frozen(kw_only=True)
class Loaded:
    """A plugin whose module is imported."""

    about: Plugin
    module: ModuleType
    source: Installed

    @property
    def hooks(self) -> Sequence[str]:
        """Name the hooks that it implements."""
        return [_options(each).get("specname") or name for name, each in _marked(self.module)]


def offers() -> EntryPoints:
    """Go through all that is installed, which takes a while, and give who offers plugins."""
    return entry_points(group=PROJECT)


def installed() -> Sequence[Installed]:
    """List what is installed, by name. Imports nothing."""
    found = [_described(point) for point in offers()]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.distribution))


def load(name: str, offered: EntryPoints | None = None) -> Loaded:
    """Import the plugin of that name; ``offered`` is what `offers` has given just now.

    Raises PluginError if the name is offered by no distribution or by several, if the module or
    what it imports is missing, or if it does not describe itself.
    """
    point = _only(name, offers() if offered is None else offered)
    loaded = _imported(point)
    _refuse_unmarked(loaded)
    return loaded


def remedy(plugin: Loaded, missing: ModuleNotFoundError) -> str:
    """Say what to do about a module that one of the plugin's hooks did not find."""
    return _remedy(plugin.source, plugin.about.extra, missing)


def _described(point: EntryPoint) -> Installed:
    distribution = point.dist
    return Installed(
        name=point.name,
        module=point.value,
        distribution=distribution.name if distribution else "unknown",
        version=distribution.version if distribution else "unknown",
    )


def _only(name: str, offered: EntryPoints) -> EntryPoint:
    found = list(offered.select(name=name))
    if not found:
        known = ", ".join(sorted(offered.names))
        raise PluginError(f"no installed package offers the plugin {name!r} (there are: {known})")
    if len(found) > 1:
        who = " and ".join(sorted(_described(point).distribution for point in found))
        raise PluginError(f"{who} both offer the plugin {name!r}: uninstall one of them")
    return found[0]


def _imported(point: EntryPoint) -> Loaded:
    source = _described(point)
    try:
        module = point.load()
    except ModuleNotFoundError as missing:
        raise PluginError(_absent(point, source, missing)) from missing
    except Exception as error:  # whatever a stranger's module does when it is imported
        what = f"{type(error).__name__}: {error}"
        raise PluginError(f"{_who(source)} cannot be imported: {what}") from error
    about = getattr(module, "PLUGIN", None)
    if not isinstance(module, ModuleType) or not isinstance(about, Plugin):
        raise PluginError(f"{_who(source)}: {source.module} has no constant PLUGIN")
    if about.name != source.name:
        raise PluginError(f"{_who(source)} calls itself {about.name!r} in its PLUGIN")
    return Loaded(about=about, module=module, source=source)


def _who(source: Installed) -> str:
    return f"the plugin {source.name!r} of {source.distribution}"


def _absent(point: EntryPoint, source: Installed, missing: ModuleNotFoundError) -> str:
    name = missing.name or ""
    if point.module == name or point.module.startswith(f"{name}."):
        return f"{_who(source)} has no module {name!r}: install it again"
    # Its PLUGIN is out of reach, so that only the distribution can tell the extra.
    extras = point.dist.metadata.get_all("Provides-Extra") if point.dist else None
    extra = source.name if source.name in (extras or ()) else None
    return _remedy(source, next(iter(point.extras), extra), missing)


def _remedy(source: Installed, extra: str | None, missing: ModuleNotFoundError) -> str:
    name = missing.name or str(missing)
    ours = {PROJECT, source.module.partition(".")[0].partition(":")[0]}
    if name.partition(".")[0] in ours:
        return f"{_who(source)} imports {name!r}, which does not exist"
    wanted = f"{source.distribution}[{extra}]" if extra else source.distribution
    return f"the plugin {source.name!r} needs {name!r}: pip install '{wanted}'"


def _refuse_unmarked(plugin: Loaded) -> None:
    """Refuse hooks that would never be called: pluggy passes over what has no mark."""
    names = [name for name, each in _routines(plugin.module) if not _options(each)]
    if names:
        raise PluginError(f"{_who(plugin.source)}: {names[0]} needs the decorator @hookimpl")
    if not plugin.hooks:
        raise PluginError(f"{_who(plugin.source)} implements no hook")


def _routines(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, each in vars(module).items():
        if name.startswith(_PREFIX) and isroutine(each):
            yield name, each


def _marked(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, each in vars(module).items():
        if isroutine(each) and _options(each):
            yield name, each


def _options(each: object) -> dict[str, Any]:
    return getattr(each, _MARK, None) or {}

"""Find plugins by name and load just those: ours and outsiders' through the same door.

An entry point of the group ``tillway`` names a module with a constant ``PLUGIN`` and hook
implementations. Importing the module must be cheap: its technology is imported in the hooks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TypeVar

import pluggy
from attrs import define, field, frozen

from tillway.core.observations import Observer
from tillway.core.ports.rails import Offers
from tillway.core.ports.store import Store
from tillway.plugins import hooks
from tillway.plugins.api import Api
from tillway.plugins.context import Context
from tillway.plugins.plugin import Kind, Plugin

_Part = TypeVar("_Part")


class PluginError(Exception):
    """A plugin cannot be used as configured; the message says what to do about it."""


@frozen(kw_only=True)
class Installed:
    """An entry point that some distribution offers; ``module`` is not imported yet."""

    name: str
    module: str
    distribution: str
    version: str


def installed() -> Sequence[Installed]:
    """List what is installed, by name. Imports nothing."""
    points = sorted(entry_points(group=hooks.PROJECT), key=lambda point: point.name)
    return [_described(point) for point in points]


def _described(point: EntryPoint) -> Installed:
    distribution = point.dist
    return Installed(
        name=point.name,
        module=point.value,
        distribution=distribution.name if distribution else "unknown",
        version=distribution.version if distribution else "unknown",
    )


@frozen(kw_only=True)
class Loaded:
    """A plugin whose module is imported."""

    about: Plugin
    module: ModuleType
    source: Installed

    @property
    def hooks(self) -> Sequence[str]:
        """Name the hooks that it implements."""
        return [name for name in vars(hooks) if name.startswith("tillway_") and self._has(name)]

    def _has(self, name: str) -> bool:
        return hasattr(getattr(self.module, name, None), f"{hooks.PROJECT}_impl")


@define
class Registry:
    """The plugins of one gateway."""

    _manager: pluggy.PluginManager = field(factory=lambda: _manager(), init=False)
    _loaded: dict[str, Loaded] = field(factory=dict, init=False)

    def load(self, names: Iterable[str]) -> Sequence[Loaded]:
        """Import these plugins. A repeat of a name does nothing.

        Raises PluginError if a name is offered by no distribution or by several, if what it
        imports is missing, or if its module does not describe itself.
        """
        return [self._one(name) for name in dict.fromkeys(names)]

    def enable(self, plugins: Iterable[Loaded]) -> None:
        """Register hook implementations; every one must belong to a hook that exists."""
        for plugin in plugins:
            if not self._manager.is_registered(plugin.module):
                self._manager.register(plugin.module, name=plugin.about.name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(str(error)) from error

    def rails(self, context: Context) -> Sequence[Offers]:
        """Build the rails of the enabled plugins, in the order of enabling."""
        rails = self._collected(self._manager.hook.tillway_rails, context, "rail", Offers)
        _refuse_twins(Kind.RAIL, [rail.name for rail in rails])
        return rails

    def store(self, context: Context) -> Store:
        """Build the store; PluginError unless the enabled plugins give just one."""
        stores: Sequence[Store] = self._collected(
            self._manager.hook.tillway_stores, context, "store", object
        )
        if len(stores) != 1:
            raise PluginError(f"just one store is needed, and the plugins give {len(stores)}")
        return stores[0]

    def apis(self, context: Context) -> Sequence[Api]:
        """Build the faces of the enabled plugins."""
        apis = self._collected(self._manager.hook.tillway_apis, context, "face", Api)
        _refuse_twins(Kind.API, [api.name for api in apis])
        return apis

    def observers(self, context: Context) -> Sequence[Observer]:
        """Build the observers of the enabled plugins."""
        found: list[Observer] = self._collected(
            self._manager.hook.tillway_observers, context, "observer", object
        )
        return found

    def _collected(
        self, hook: Callable[..., list[Sequence[_Part]]], context: Context, what: str, kind: type
    ) -> list[_Part]:
        try:
            offers = hook(context=context)
        except ModuleNotFoundError as missing:
            raise PluginError(self._remedy(missing)) from missing
        # pluggy calls the last registered first; we offer in the order of enabling
        parts = [part for offer in reversed(offers) for part in offer]
        for part in parts:
            if not isinstance(part, kind):
                raise PluginError(f"a plugin gave {type(part).__name__}, which is no {what}")
        return parts

    def _one(self, name: str) -> Loaded:
        if name not in self._loaded:
            self._loaded[name] = _imported(_only(name))
        return self._loaded[name]

    def _remedy(self, missing: ModuleNotFoundError) -> str:
        for plugin in self._loaded.values():
            if plugin.about.extra and plugin.module.__name__ in _frames(missing):
                return _pip(plugin.source, plugin.about.extra, missing)
        return f"a plugin needs the module {missing.name!r}, which is not installed"


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    return manager


def _only(name: str) -> EntryPoint:
    offered = list(entry_points(group=hooks.PROJECT, name=name))
    if not offered:
        known = ", ".join(sorted(point.name for point in entry_points(group=hooks.PROJECT)))
        raise PluginError(f"no installed package offers the plugin {name!r} (there are: {known})")
    if len(offered) > 1:
        who = " and ".join(sorted(point.dist.name if point.dist else "?" for point in offered))
        raise PluginError(f"{who} both offer the plugin {name!r}: uninstall one of them")
    return offered[0]


def _imported(point: EntryPoint) -> Loaded:
    source = _described(point)
    try:
        module = point.load()
    except ModuleNotFoundError as missing:
        raise PluginError(_pip(source, point.name, missing)) from missing
    about = getattr(module, "PLUGIN", None)
    if not isinstance(about, Plugin):
        raise PluginError(f"{source.module} has no constant PLUGIN that describes it")
    return Loaded(about=about, module=module, source=source)


def _pip(source: Installed, extra: str, missing: ModuleNotFoundError) -> str:
    command = f"pip install '{source.distribution}[{extra}]'"
    return f"the plugin {source.name!r} needs {missing.name!r}: {command}"


def _frames(error: BaseException) -> set[str]:
    names, trace = set(), error.__traceback__
    while trace is not None:
        names.add(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return names


def _refuse_twins(kind: Kind, names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise PluginError(f"two plugins give a {kind} named {', '.join(twins)}: disable one")


def sections(plugins: Iterable[Loaded]) -> Mapping[str, type]:
    """Give the settings classes of these plugins by section; PluginError if two share one."""
    found: dict[str, type] = {}
    for plugin in plugins:
        section, settings = plugin.about.section, plugin.about.settings
        if section is None or settings is None:
            continue
        if found.setdefault(section, settings) is not settings:
            raise PluginError(f"two plugins have settings in the section {section!r}")
    return found

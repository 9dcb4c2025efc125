"""The plugins of one gateway: load just those that are named, ours and outsiders' alike.

Ours are found like everybody's: ``loading`` says how. One typed function wraps each hook, since
pluggy's own calls take and give anything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoints
from typing import Any

import pluggy
from attrs import define, field

from tillway.core.observations import Observer
from tillway.core.ports.definitions import (
    CouponDefinitions,
    Definitions,
    ProductDefinitions,
)
from tillway.core.ports.hosting import HostsCheckout
from tillway.core.ports.rails import Offers, Rail
from tillway.core.ports.store import Store
from tillway.plugins import hooks
from tillway.plugins.api import Api
from tillway.plugins.context import Context
from tillway.plugins.loading import Installed, Loaded, PluginError, installed, load, offers, remedy
from tillway.plugins.plugin import Kind

__all__ = ["Installed", "Loaded", "PluginError", "Registry", "installed", "offers", "sections"]

_Fits = Callable[[object], bool]


@define
class Registry:
    """The plugins of one gateway."""

    _manager: pluggy.PluginManager = field(factory=lambda: _manager(), init=False)
    _loaded: dict[str, Loaded] = field(factory=dict, init=False)
    _enabled: dict[str, Loaded] = field(factory=dict, init=False)

    def load(self, names: Iterable[str]) -> Sequence[Loaded]:
        """Import these plugins. A repeat of a name does nothing.

        Raises PluginError as ``loading.load`` does.
        """
        offered = offers()
        return [self._one(name, offered) for name in dict.fromkeys(names)]

    def enable(self, plugins: Iterable[Loaded]) -> None:
        """Register hook implementations. A repeat of a plugin does nothing.

        Raises PluginError for one that belongs to no hook, or takes what its hook does not give.
        """
        for plugin in plugins:
            if plugin.about.name not in self._enabled:
                self._register(plugin)

    def rails(self, context: Context) -> Sequence[Rail]:
        """Build the rails of the enabled plugins, in the order of enabling."""
        rails: list[Rail] = self._collected("tillway_rails", context, "rail", _is_rail)
        _refuse_twins(Kind.RAIL, [rail.name for rail in rails])
        return rails

    def store(self, context: Context) -> Store:
        """Build the store; PluginError unless the enabled plugins give just one."""
        stores: list[Store] = self._collected("tillway_stores", context, "store", _is_store)
        if len(stores) != 1:
            raise PluginError(f"just one store is needed, and the plugins give {len(stores)}")
        return stores[0]

    def products(self, name: str, context: Context) -> ProductDefinitions:
        """Build the products of the plugin of that name, enabled or not.

        Raises PluginError as ``loading.load`` does, and if the plugin does not give just one.
        """
        source: ProductDefinitions = self._source("tillway_products", name, "products", context)
        return source

    def coupons(self, name: str, context: Context) -> CouponDefinitions:
        """Build the coupons of the plugin of that name likewise."""
        source: CouponDefinitions = self._source("tillway_coupons", name, "coupons", context)
        return source

    def apis(self, context: Context) -> Sequence[Api]:
        """Build the faces of the enabled plugins, in the order of enabling."""
        apis: list[Api] = self._collected("tillway_apis", context, "face", _is_api)
        _refuse_twins(Kind.API, [api.name for api in apis])
        return apis

    def observers(self, context: Context) -> Sequence[Observer]:
        """Build the observers of the enabled plugins, in the order of enabling."""
        found: list[Observer] = self._collected(
            "tillway_observers", context, "observer", _is_observer
        )
        return found

    def _one(self, name: str, offered: EntryPoints | None = None) -> Loaded:
        if name not in self._loaded:
            self._loaded[name] = load(name, offered)
        return self._loaded[name]

    def _register(self, plugin: Loaded) -> None:
        self._known(plugin)
        self._enabled[plugin.about.name] = plugin

    def _known(self, plugin: Loaded) -> None:
        """Let pluggy know of a plugin, whose hooks can then be called."""
        if self._manager.has_plugin(plugin.about.name):
            return
        try:
            self._manager.register(plugin.module, name=plugin.about.name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            why = " ".join(str(error).split())
            raise PluginError(f"the plugin {plugin.about.name!r}: {why}") from error

    def _source(self, hook: str, name: str, what: str, context: Context) -> Any:
        plugin = self._one(name)
        self._known(plugin)
        given = self._given(hook, plugin, context)
        if len(given) != 1:
            raise PluginError(f"the plugin {name!r} gives {len(given)} sources of {what}, not one")
        if not _is_source(given[0]):
            raise PluginError(f"{_gave(plugin, given[0])}, which is no source of {what}")
        return given[0]

    def _collected(self, hook: str, context: Context, what: str, fits: _Fits) -> list[Any]:
        found: list[object] = []
        for plugin in self._enabled.values():
            for part in self._given(hook, plugin, context):
                if not fits(part):
                    raise PluginError(f"{_gave(plugin, part)}, which is no {what}")
                found.append(part)
        return found

    def _given(self, hook: str, plugin: Loaded, context: Context) -> Sequence[object]:
        """Call one hook of one plugin, so that whatever goes wrong has a name."""
        if hook not in plugin.hooks:
            return ()
        section = plugin.about.section
        if section is not None and section not in context.sections:
            raise PluginError(f"the plugin {plugin.about.name!r} needs the section {section!r}")
        others = [each for each in self._manager.get_plugins() if each is not plugin.module]
        call = self._manager.subset_hook_caller(hook, others)
        try:
            return list(_parts(plugin, call(context=context)))
        except ModuleNotFoundError as missing:
            raise PluginError(remedy(plugin, missing)) from missing
        except Exception as error:
            error.add_note(f"in {hook} of the plugin {plugin.about.name!r}")
            raise


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    return manager


def _parts(plugin: Loaded, answers: Sequence[object]) -> Iterator[object]:
    for answer in answers:
        if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
            raise PluginError(f"{_gave(plugin, answer)} where a sequence is due")
        yield from answer


def _gave(plugin: Loaded, part: object) -> str:
    what = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
    return f"the plugin {plugin.about.name!r} gave {what}"


# A class has its instances' methods too, and is what one gives by mistake.


def _is_rail(part: object) -> bool:
    return isinstance(part, (Offers, HostsCheckout)) and not isinstance(part, type)


def _is_store(part: object) -> bool:
    return isinstance(part, Store) and not isinstance(part, type)


def _is_source(part: object) -> bool:
    return isinstance(part, Definitions) and not isinstance(part, type)


def _is_api(part: object) -> bool:
    return isinstance(part, Api)


def _is_observer(part: object) -> bool:
    return callable(part) and not isinstance(part, type)


def _refuse_twins(kind: Kind, names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise PluginError(f"two plugins give a {kind} named {', '.join(twins)}: disable one")


def sections(
    plugins: Iterable[Loaded], taken: Mapping[str, type] | None = None
) -> Mapping[str, type]:
    """Give the settings classes of these plugins by section, beside those that are ``taken``.

    Raises PluginError if two plugins share a section, or one has a section of the gateway's own.
    """
    found: dict[str, type] = dict(taken or {})
    for plugin in plugins:
        section, settings = plugin.about.section, plugin.about.settings
        if section is None or settings is None:
            continue
        if found.setdefault(section, settings) is not settings:
            name = plugin.about.name
            raise PluginError(f"the plugin {name!r} has the section {section!r} of another")
    return found

"""The store that forgets at the end of the process: for tests, demonstrations and development."""

from collections.abc import Sequence

from tillway.core.ports.store import Store
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin

PLUGIN = Plugin(kind=Kind.STORE, name="memory", summary="keeps everything in this process only")


@hookimpl
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give a store in memory."""
    from tillway.adapters.stores.memory.store import MemoryStore

    return [MemoryStore(assets=context.assets)]

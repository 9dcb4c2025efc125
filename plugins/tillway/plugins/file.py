"""The store for one machine: SQLite."""

from collections.abc import Sequence
from pathlib import Path

from tillway.core.ports.store import Store
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.settings.storage import StorageSettings

PLUGIN = Plugin(kind=Kind.STORE, name="file", summary="keeps everything in one SQLite file")


@hookimpl
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give a store in the SQLite file of ``storage.file_path``."""
    from tillway.adapters.stores.sqlite.store import SqliteStore

    storage = context.section("storage", StorageSettings)
    path = Path(storage.file_path)
    return [SqliteStore(path, assets=context.assets, migrates=storage.migrate)]

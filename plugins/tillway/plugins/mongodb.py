"""MongoDB: a store for several machines."""

from collections.abc import Sequence

from tillway.core.ports.store import Store
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.settings.storage import StorageSettings

PLUGIN = Plugin(
    kind=Kind.STORE,
    name="mongodb",
    summary="keeps everything in a MongoDB database",
    extra="mongo",
)


@hookimpl
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give a store in the database of ``storage.mongodb_url``."""
    from tillway.adapters.stores.mongo.store import MongoStore

    storage = context.section("storage", StorageSettings)
    # The settings' own rule: what is to be kept there has a URL.
    if storage.mongodb_url is None:
        raise ValueError("storage.mongodb_url is required")
    return [MongoStore(storage.mongodb_url, storage.mongodb_database, context.assets)]

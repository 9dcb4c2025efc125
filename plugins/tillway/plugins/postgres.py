"""The store for several machines: PostgreSQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tillway.core.ports.store import Store
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.settings.storage import TABLES, SchemaMapping, StorageSettings

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres.names import Names

PLUGIN = Plugin(
    kind=Kind.STORE,
    name="postgres",
    summary="keeps everything in a PostgreSQL database",
    extra="postgres",
)


@hookimpl
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give a store in the database of ``storage.postgres_url``."""
    from tillway.adapters.stores.postgres.pool import Limits
    from tillway.adapters.stores.postgres.store import PostgresStore

    storage = context.section("storage", StorageSettings)
    # The settings' own rule: this backend has a URL.
    if storage.postgres_url is None:
        raise ValueError("storage.postgres_url is required")
    pool = storage.postgres_pool
    limits = Limits(
        most=pool.max_open_conns,
        idle=pool.max_idle_conns,
        age=pool.conn_max_lifetime.total_seconds(),
    )
    store = PostgresStore(
        storage.postgres_url,
        context.assets,
        limits=limits,
        names=_names(storage.schema_mapping),
        migrates=storage.migrate,
    )
    return [store]


def _names(mapping: SchemaMapping) -> "Names":
    from tillway.adapters.stores.postgres.names import Names

    named = {ours: getattr(mapping, theirs).table_name for theirs, ours in TABLES.items()}
    tables = {word: name for word, name in named.items() if name}
    return Names(prefix=mapping.prefix, tables=tables)

"""A store by its place, as one word on a command line."""

from pathlib import Path

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.ports.store import Store
from tillway.core.secrets import Secret


def store_at(place: str, patience: float = 10.0) -> Store:
    """Give the store at a URL of PostgreSQL, or in an SQLite file; not yet started."""
    if not place.startswith("postgresql://"):
        return SqliteStore(Path(place), patience=patience)
    from tillway.adapters.stores.postgres import PostgresStore

    return PostgresStore(Secret(place), patience=patience)

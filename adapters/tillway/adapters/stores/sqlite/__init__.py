"""A store in one SQLite file, shared by the processes of one machine."""

from tillway.adapters.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]

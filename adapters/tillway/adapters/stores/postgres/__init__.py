"""A store in a PostgreSQL database, shared by any number of processes and machines."""

from tillway.adapters.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]

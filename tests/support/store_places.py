"""A store by its place, as one word on a command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.lives.processes import Place
from tillway.core.ports.store import Store
from tillway.core.secrets import Secret

if TYPE_CHECKING:
    from tillway.adapters.stores.mongo import MongoStore
    from tillway.adapters.stores.mongo.driver import Database

IN_FOLDER: Final = "support.store_places:store_in"
"""The factory that opens what ``place_at`` gives."""


def store_at(place: str, patience: float = 10.0) -> Store:
    """Give the store at a URL of PostgreSQL or MongoDB, or in a file; not yet started."""
    if place.startswith("mongodb://"):
        return mongo_at(place, patience)
    if not place.startswith("postgresql://"):
        return SqliteStore(Path(place), patience=patience)
    from tillway.adapters.stores.postgres import PostgresStore

    return PostgresStore(Secret(place), patience=patience)


def place_at(place: str, folder: Path) -> Place:
    """Give a folder in which it says where the store is."""
    folder.mkdir()
    (folder / "place").write_text(place)
    return Place(factory=IN_FOLDER, folder=folder)


def store_in(folder: Path) -> Store:
    """Give the store that a folder names, or the one in it."""
    named = folder / "place"
    return store_at(named.read_text() if named.exists() else str(folder / "tillway.db"))


@asynccontextmanager
async def mongo_open(place: str, patience: float = 10.0) -> AsyncIterator["MongoStore"]:
    """Open the store in the database that a URL of MongoDB names."""
    store = mongo_at(place, patience)
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def mongo_database(place: str) -> AsyncIterator["Database"]:
    """Open that database itself, for what no store shows."""
    from tillway.adapters.stores.mongo.driver import Database, Limits

    database = Database.at(Secret(place), mongo_name(place), Limits(), 10.0)
    await database.hello()
    try:
        yield database
    finally:
        await database.aclose()


def mongo_name(place: str) -> str:
    """Give the name of the database that a URL of MongoDB names."""
    return urlsplit(place).path.lstrip("/")


def mongo_at(place: str, patience: float = 10.0) -> "MongoStore":
    """Give the store in the database that a URL of MongoDB names."""
    from tillway.adapters.stores.mongo import MongoStore

    return MongoStore(Secret(place), mongo_name(place), patience=patience)

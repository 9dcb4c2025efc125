"""Servers that benchmarks bring: those of the tests, with every commit on the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from support.mongo import Mongo, nx
from support.mongo import NoServer as NoMongo
from support.mongo import server as mongo_server
from support.postgres import SUPERUSER, Databases, NoServer, server
from tillway.core.secrets import Secret


@frozen
class Postgres:
    """A durable server of our own, and what it is."""

    databases: Databases
    name: str

    async def urls(self) -> tuple[Secret, str]:
        """Make a database: its URL for a store, and for a superuser."""
        name = await self.databases.fresh()
        here = self.databases.server
        return here.url(name), here.url(name, SUPERUSER).reveal()


@contextmanager
def postgres() -> Iterator[Postgres | None]:
    """Run PostgreSQL; None where it cannot be run."""
    try:
        with server(durable=True) as running:
            yield Postgres(
                Databases(running), f"PostgreSQL of {_origin(str(running.bin))}, durable"
            )
    except NoServer:
        yield None


@contextmanager
def mongo() -> Iterator[Mongo | None]:
    """Run what speaks MongoDB's protocol, or use what is given; None where there is neither."""
    given = os.environ.get("TILLWAY_TEST_MONGODB_URL")
    if given:
        yield Mongo("the given server", "", Secret(given))
        return
    try:
        with mongo_server(nx) as running:
            yield running.mongo
    except NoMongo:
        yield None


def _origin(folder: str) -> str:
    return "a wheel" if "pginstall" in folder else "this machine"

"""Connections to databases beside the store's, for those who only read there."""

import os
from typing import Protocol

from attrs import define, field

from tillway.adapters.stores.mongo.driver import Database, Limits
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.place import Place
from tillway.adapters.stores.mongo.store import MongoStore
from tillway.core.errors import Unavailable
from tillway.core.secrets import Secret


class Deployment(Protocol):
    """Databases of one deployment, by one set of connections."""

    async def open(self, user: object, name: str) -> None:
        """See whether the database can be reached, and lend it from here on."""
        ...

    async def close(self, user: object) -> None:
        """Lend no more to a user; the last one closes. A repeat does nothing."""
        ...

    def database(self, name: str) -> Database:
        """Give a database. Unavailable if nobody has opened it."""
        ...


@define(eq=False)
class OwnDeployment:
    """A deployment that the store is not in: opened by its first user, closed by its last.

    After a fork the child opens connections of its own.
    """

    url: Secret
    limits: Limits = field(factory=Limits, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    _users: set[int] = field(init=False, factory=set)
    _open: Database | None = field(init=False, default=None)
    _process: int = field(init=False, default=0)
    _inherited: list[Database] = field(init=False, factory=list)

    async def open(self, user: object, name: str) -> None:
        """See whether the database can be reached, and lend it from here on."""
        place = self._place(name)
        if self._open is None:
            self._open, self._process = place.database(), os.getpid()
        self._users.add(id(user))
        try:
            await self._open.hello()
        except Unavailable as error:
            cause = error.message.removeprefix("The store ").removesuffix(".")
            raise unavailable(f"at {place} {cause}") from error

    async def close(self, user: object) -> None:
        """Lend no more to a user; the last one closes."""
        self._users.discard(id(user))
        if self._users:
            return
        closing, self._open = self._open, None
        if closing is not None and self._process == os.getpid():
            await closing.aclose()

    def database(self, name: str) -> Database:
        """Give a database."""
        if self._open is None:
            raise unavailable("is not open")
        if self._process != os.getpid():
            # Kept, because closing it here would harm the process that opened it.
            self._inherited.append(self._open)
            self._open, self._process = self._place(name).database(), os.getpid()
        return self._open.named(name)

    def _place(self, name: str) -> Place:
        return Place(self.url, name, limits=self.limits, patience=self.patience)


@define(eq=False)
class StoresDeployment:
    """The deployment that the store is in, by the store's own connections.

    The store opens before whoever reads by it, and closes after.
    """

    store: MongoStore

    async def open(self, user: object, name: str) -> None:
        """See whether the store is open."""
        self.database(name)

    async def close(self, user: object) -> None:
        """Do nothing: the store closes by itself."""

    def database(self, name: str) -> Database:
        """Give a database."""
        return self.store.database().named(name)

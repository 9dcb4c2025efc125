"""One pool a database and process, whoever reads and writes there."""

import os
import random
from collections.abc import Callable

from attrs import define, field

from tillway.adapters.stores.postgres.faults import unavailable
from tillway.adapters.stores.postgres.names import Names
from tillway.adapters.stores.postgres.place import Connection, Place
from tillway.adapters.stores.postgres.pool import Limits, Pool
from tillway.core.errors import Unavailable
from tillway.core.secrets import Secret


@define(eq=False)
class Lender:
    """The pool of one database, opened by its first user and closed by its last.

    ``names`` says what our things are called there. After a fork the child opens connections
    of its own.
    """

    url: Secret
    limits: Limits = field(factory=Limits, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    jitter: Callable[[], float] = field(default=random.random, kw_only=True)
    names: Names = field(factory=Names, kw_only=True)
    _users: set[int] = field(init=False, factory=set)
    _open: Pool | None = field(init=False, default=None)
    _process: int = field(init=False, default=0)
    _inherited: list[Pool] = field(init=False, factory=list)

    @property
    def place(self) -> Place:
        """Where the database is."""
        return Place(self.url, patience=self.patience)

    async def reach(self) -> None:
        """See whether the database can be reached. Raises Unavailable with the place and cause."""
        connection = await self.place.connect()
        await connection.close(timeout=self.patience)

    def open(self, user: object) -> None:
        """Lend to a user from here on. A repeat does nothing."""
        self._users.add(id(user))
        if self._open is None:
            self._open, self._process = self._opened(), os.getpid()

    async def close(self, user: object) -> None:
        """Lend no more to a user; after the last, finish what has begun. A repeat does nothing."""
        self._users.discard(id(user))
        if self._users:
            return
        closing, self._open = self._open, None
        if closing is not None and self._process == os.getpid():
            await closing.aclose()

    def pool(self) -> Pool:
        """Give the pool. Unavailable if nobody has opened it."""
        if self._open is None:
            raise unavailable("is not open")
        if self._process != os.getpid():
            # Kept, because closing them here would harm the process that opened them.
            self._inherited.append(self._open)
            self._open, self._process = self._opened(), os.getpid()
        return self._open

    def _opened(self) -> Pool:
        return Pool(self._reached, self.limits, self.patience, self.jitter, self.names)

    async def _reached(self) -> Connection:
        try:
            return await self.place.connect()
        except Unavailable as error:
            # Where the store is, is told at the start and in the log, not to buyers.
            raise unavailable("cannot be reached") from error

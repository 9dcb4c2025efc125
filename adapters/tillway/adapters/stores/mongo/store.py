"""The store in a MongoDB database, its units of work and views."""

import asyncio
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from attrs import define, field

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.layered.unit import LayeredUnit
from tillway.adapters.stores.mongo.committing import Committer
from tillway.adapters.stores.mongo.driver import Database, Limits
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.loader import Loader
from tillway.adapters.stores.mongo.log import Log
from tillway.adapters.stores.mongo.place import Place
from tillway.adapters.stores.mongo.singles import Singles
from tillway.adapters.stores.mongo.spreading import Spreader
from tillway.adapters.stores.mongo.tail import Tail
from tillway.adapters.stores.mongo.trimming import Trimming
from tillway.adapters.stores.mongo.turns import Turn
from tillway.adapters.stores.mongo.units import Units
from tillway.adapters.stores.patience import within
from tillway.core.assets import BUILT_IN, Assets
from tillway.core.secrets import Secret


@define(eq=False)
class _Open:
    """What one process has opened. Connections must not be used across a fork."""

    process: int
    database: Database
    spreader: Spreader
    singles: Singles
    units: Units
    patience: float
    _users: int = field(init=False, default=0)
    _alone: asyncio.Event = field(init=False, factory=asyncio.Event)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Count a unit or a view, which is waited for when all is closed."""
        self._users += 1
        self._alone.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._alone.set()

    async def aclose(self) -> None:
        """Wait for units and views, as long as patience lasts, then close."""
        try:
            async with within(self.patience):
                await self.singles.aclose()
                if self._users:
                    await self._alone.wait()
        finally:
            await self.spreader.aclose()
            await self.database.aclose()


@define(eq=False)
class MongoStore:
    """A store in one database, for any number of processes and machines.

    Each commit is one document in one log, so that everything has one order; calls that wait
    together share one. Units of several calls of all processes take turns; one that is overtaken
    is decided again, and given up as Unavailable if it reads otherwise then. Who waits, and a
    unit that lasts, is given up so after ``patience`` seconds. A commit whose answer was lost is
    looked up; only if the database stays away that long is a unit told Unavailable that may yet
    turn out to be written. After a fork the child opens connections of its own.
    """

    url: Secret
    name: str = "tillway"
    assets: Assets = BUILT_IN
    limits: Limits = field(factory=Limits, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    jitter: Callable[[], float] = field(default=random.random, kw_only=True)
    _codec: Codec = field(init=False)
    _open: _Open | None = field(init=False, default=None)
    _inherited: list[_Open] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        """Prepare the conversions; nothing is opened yet."""
        self._codec = Codec(assets=self.assets)

    async def start(self) -> None:
        """Open the place and see to its indexes. Raises Unavailable with the cause."""
        place = self._place()
        opened = self._opened(place.database())
        try:
            await place.prepare(opened.database)
            await opened.units.committer.tail.begin()
        except BaseException:
            await opened.database.aclose()
            raise
        if self._open is None:
            self._open = opened
        else:
            await opened.database.aclose()

    async def aclose(self) -> None:
        """Finish what has begun, then close. A repeat does nothing."""
        closing, self._open = self._open, None
        if closing is not None and closing.process == os.getpid():
            await closing.aclose()

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a unit of work: committed on leaving, rolled back on an exception."""
        open_ = self._here()
        with open_.used():
            async with open_.singles.unit() if once else open_.units.unit() as session:
                yield LayeredUnit.over(session, self._codec)

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a consistent view for reading; it never waits for writers."""
        open_ = self._here()
        with open_.used():
            async with open_.units.view(once=once) as session:
                yield LayeredUnit.over(session, self._codec)

    async def check_writing(self) -> None:
        """Raise Unavailable where there is no primary, or it refuses what was committed."""
        open_ = self._here()
        with open_.used():
            await open_.database.hello()
            open_.spreader.check()

    def database(self) -> Database:
        """Give the database, for those who read what is not ours by the store's connections."""
        return self._here().database

    def _here(self) -> _Open:
        if self._open is None:
            raise unavailable("is not open")
        if self._open.process != os.getpid():
            # Kept, because closing them here would harm the process that opened them.
            self._inherited.append(self._open)
            self._open = self._opened(self._place().database())
        return self._open

    def _opened(self, database: Database) -> _Open:
        mine, lock = secrets.token_hex(8), asyncio.Lock()
        log, loader = Log(database, self.patience), Loader(database)
        tail = Tail(database, log)
        spreader = Spreader(database, tail, mine, Trimming(database))
        tail.told = spreader.wake
        committer = Committer(tail, log, spreader, mine, self.patience, self.jitter)
        return _Open(
            process=os.getpid(),
            database=database,
            spreader=spreader,
            singles=Singles(committer, loader, lock),
            units=Units(committer, loader, lock, Turn(database, mine)),
            patience=self.patience,
        )

    def _place(self) -> Place:
        return Place(self.url, self.name, limits=self.limits, patience=self.patience)

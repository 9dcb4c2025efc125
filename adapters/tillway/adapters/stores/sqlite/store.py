"""The store in a file, its units of work and views."""

import asyncio
import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

from attrs import define, field, frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.records import Records
from tillway.adapters.stores.sqlite.backup import back_up
from tillway.adapters.stores.sqlite.catalogue import (
    SqliteCoupons,
    SqliteProducts,
    SqliteQuoteKeys,
)
from tillway.adapters.stores.sqlite.faults import Patience, unavailable
from tillway.adapters.stores.sqlite.lane import Lane, Session
from tillway.adapters.stores.sqlite.log import SqliteEvents
from tillway.adapters.stores.sqlite.payments import SqlitePayments
from tillway.adapters.stores.sqlite.readers import Readers
from tillway.adapters.stores.sqlite.room import check_room
from tillway.adapters.stores.sqlite.schema import (
    connect,
    connect_to_write,
    pending,
    prepare,
    take_step,
)
from tillway.adapters.stores.sqlite.sight import SqliteCalls
from tillway.adapters.stores.sqlite.singles import Singles
from tillway.adapters.stores.sqlite.tallies import SqliteTallies
from tillway.adapters.stores.sqlite.writer import Transaction, Writer
from tillway.core.assets import BUILT_IN, Assets
from tillway.core.ports.upkeep import Step


@frozen(kw_only=True)
class SqliteUnit(Records):
    """The repositories over one session."""

    payments: SqlitePayments
    tallies: SqliteTallies
    events: SqliteEvents
    products: SqliteProducts
    coupons: SqliteCoupons
    quote_keys: SqliteQuoteKeys

    @classmethod
    def over(cls, session: Session, codec: Codec) -> Self:
        """Give the repositories over a session."""
        return cls(
            calls=SqliteCalls(session),
            codec=codec,
            payments=SqlitePayments(session, codec),
            tallies=SqliteTallies(session),
            events=SqliteEvents(session, codec),
            products=SqliteProducts(session, codec),
            coupons=SqliteCoupons(session, codec),
            quote_keys=SqliteQuoteKeys(session),
        )


@frozen(kw_only=True)
class _Connections:
    """What one process has opened. SQLite's connections must not be used across a fork."""

    process: int
    writer: Writer
    singles: Singles
    readers: Readers

    async def aclose(self) -> None:
        try:
            await self.readers.aclose()
            await self.singles.aclose()
        finally:
            await self.writer.aclose()


@define(eq=False)
class SqliteStore:
    """A store in one file, for any number of processes on one machine.

    What is committed has reached the disk. Units of work of one process run one after the
    other and share commits; ``readers`` views can be open at once besides. Who waits for the
    file, for a turn or for a view, and a unit that lasts, is given up as Unavailable after
    ``patience`` seconds. What would make the file larger than ``most_bytes`` is refused as
    Unavailable, like a full disk. After a fork the child opens connections of its own. Unless
    ``migrates``, a schema that is behind is refused when starting, instead of being brought up
    to date.
    """

    path: Path = field(converter=Path)
    assets: Assets = BUILT_IN
    readers: int = field(default=4, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    most_bytes: int | None = field(default=None, kw_only=True)
    migrates: bool = field(default=True, kw_only=True)
    jitter: Callable[[], float] = field(default=random.random, kw_only=True)
    _codec: Codec = field(init=False)
    _open: _Connections | None = field(init=False, default=None)
    _inherited: list[_Connections] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        """Prepare the conversions; nothing is opened yet."""
        self._codec = Codec(assets=self.assets)

    async def start(self) -> None:
        """Open the place, its schema up to date. Raises Unavailable with the cause."""
        await asyncio.to_thread(prepare, self.path, self._busy(), migrates=self.migrates)
        if self._open is None:
            self._open = self._opened()

    async def pending(self) -> Sequence[Step]:
        """Give the steps that are still to be taken, and change nothing."""
        return await asyncio.to_thread(pending, self.path, self._busy())

    async def migrate(self, taken: Callable[[Step], object]) -> None:
        """Take the pending steps in their order, and tell of each once it is durable."""
        while step := await asyncio.to_thread(take_step, self.path, self._busy()):
            taken(step)

    async def aclose(self) -> None:
        """Finish what has begun, then close. A repeat does nothing."""
        closing, self._open = self._open, None
        if closing is not None and closing.process == os.getpid():
            await closing.aclose()

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[SqliteUnit]:
        """Open a unit of work: committed on leaving, rolled back on an exception."""
        open_ = self._connections()
        async with open_.singles.unit() if once else open_.writer.unit() as session:
            yield SqliteUnit.over(session, self._codec)

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[SqliteUnit]:
        """Open a consistent view for reading; it never waits for writers."""
        async with self._connections().readers.view(once=once) as session:
            yield SqliteUnit.over(session, self._codec)

    async def check_writing(self) -> None:
        """Raise Unavailable where the database cannot be written to, or has no room."""
        # Its turn to write is taken for it, which a database that is read-only refuses.
        async with self._connections().singles.unit() as session:
            await session.write(partial(check_room, self.path))

    async def back_up(self, file: Path, progress: Callable[[int, int], object]) -> None:
        """Write everything, as it stands at one moment, into a new file."""
        given_up = threading.Event()

        def told(done: int, total: int) -> None:
            if given_up.is_set():
                raise InterruptedError
            progress(done, total)

        try:
            await asyncio.to_thread(back_up, self.path, file, told)
        finally:
            given_up.set()

    def _connections(self) -> _Connections:
        if self._open is None:
            raise unavailable("is not open")
        if self._open.process != os.getpid():
            # Kept, because closing them here would harm the process that opened them.
            self._inherited.append(self._open)
            self._open = self._opened()
        return self._open

    def _opened(self) -> _Connections:
        busy = self._busy()
        reading = partial(busy.call, partial(connect, self.path, reading=True))
        writing = partial(busy.call, partial(connect_to_write, self.path, self.most_bytes))
        readers = Readers([Lane(reading) for _ in range(self.readers)], self.patience)
        writer = Writer(Lane(writing), Transaction(busy), self.patience)
        return _Connections(
            process=os.getpid(), writer=writer, singles=Singles(writer), readers=readers
        )

    def _busy(self) -> Patience:
        return Patience(seconds=self.patience / 2, jitter=self.jitter)

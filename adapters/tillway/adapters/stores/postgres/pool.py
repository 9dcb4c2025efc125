"""Connections, lent to whoever came first.

asyncpg's own pool hands a connection that is given back to whoever asks next, so that some wait
long when all are in use. Here those who wait stand in a queue.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg
from attrs import define, field, frozen

from tillway.adapters.stores.patience import within
from tillway.adapters.stores.postgres.names import Names
from tillway.adapters.stores.postgres.place import Connection
from tillway.adapters.stores.postgres.texts import received, sent

Rows = Sequence[Sequence[Any]]

_LEAST: Final = 2
_TIDY: Final = 1.0
"""Seconds after which connections beyond the idle ones are closed: a crowd comes in waves."""


def _enough(most: int) -> int:
    return max(_LEAST, most)


@frozen(kw_only=True)
class Limits:
    """At most ``most`` connections at once, ``idle`` of them unused, none older than ``age``.

    ``age`` is in seconds. At least two are needed: some are kept from units of work, so that
    views never wait for them.
    """

    most: int = field(default=25, converter=_enough)
    idle: int = 25
    age: float = 300.0

    @property
    def writing(self) -> int:
        """The most that units of work have at once."""
        return self.most - max(1, self.most // 5)


@define(eq=False)
class Lent:
    """A connection in use, and what things are called there.

    ``fresh`` ones were opened for this use.
    """

    connection: Connection
    names: Names
    opened: float
    writing: bool
    fresh: bool = False

    async def run(self, statement: str, *values: object) -> Rows:
        """Run a statement, prepared once and kept for the next time, and give its rows."""
        return await self.plain(self.names.spoken(statement), *values)

    async def plain(self, statement: str, *values: object) -> Rows:
        """Run a statement that names what is not ours, as it is."""
        with self._told():
            found = await self.connection.fetch(statement, *map(sent, values))
        return [tuple(map(received, row)) for row in found]

    async def value(self, statement: str, *values: object) -> Any:
        """Run a statement that gives one value."""
        return (await self.run(statement, *values))[0][0]

    async def command(self, text: str) -> str:
        """Run a command without values, and give what the server says that it did."""
        with self._told():
            return await self.connection.execute(self.names.spoken(text))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say that a connection is lost in the same way whenever it was lost."""
        try:
            yield
        except asyncpg.InterfaceError as error:
            if self.connection.is_closed():
                raise asyncpg.ConnectionDoesNotExistError(str(error)) from error
            raise


@define(eq=False)
class Pool:
    """The connections of one process. Who waits longer than ``patience`` seconds is told so."""

    open: Callable[[], Awaitable[Connection]]
    limits: Limits
    patience: float
    jitter: Callable[[], float] = random.random
    names: Names = field(factory=Names)
    _idle: deque[Lent] = field(init=False, factory=deque)
    _places: asyncio.Semaphore = field(init=False)
    _writers: asyncio.Semaphore = field(init=False)
    _tidying: asyncio.TimerHandle | None = field(init=False, default=None)
    _closing: set[asyncio.Task[None]] = field(init=False, factory=set)
    _over: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Set the places up; nothing is opened yet."""
        self._places = asyncio.Semaphore(self.limits.most)
        self._writers = asyncio.Semaphore(self.limits.writing)

    async def lend(self, *, writing: bool) -> Lent:
        """Give a connection, to be given back. Unavailable if none can be had in time."""
        async with within(self.patience):
            if not writing:
                return await self._placed(writing)
            await self._writers.acquire()
            try:
                return await self._placed(writing)
            except BaseException:
                self._writers.release()
                raise

    def give_back(self, lent: Lent, *, sound: bool = True) -> None:
        """Take a connection back; one that is not sound is closed at once."""
        if not sound:
            lent.connection.terminate()
        elif self._over or not self._is_good(lent):
            self._close(lent)
        else:
            self._put(lent)
        self._places.release()
        if lent.writing:
            self._writers.release()

    async def aclose(self) -> None:
        """Wait for what is lent, as long as patience lasts, then close everything."""
        try:
            async with within(self.patience):
                for _ in range(self.limits.most):
                    await self._places.acquire()
        finally:
            self._over = True
            if self._tidying is not None:
                self._tidying.cancel()
            self._close(*self._idle)
            self._idle.clear()
            await asyncio.gather(*self._closing)

    async def _placed(self, writing: bool) -> Lent:
        await self._places.acquire()
        try:
            known = self._known()
            if known is not None:
                known.writing = writing
                return known
            opened = await self.open()
            return Lent(opened, self.names, time.monotonic(), writing, fresh=True)
        except BaseException:
            self._places.release()
            raise

    def _known(self) -> Lent | None:
        """Give the connection that was used last: its plans are still warm."""
        while self._idle:
            lent = self._idle.pop()
            if self._is_good(lent):
                return lent
            self._close(lent)
        return None

    def _is_good(self, lent: Lent) -> bool:
        young = time.monotonic() - lent.opened < self.limits.age
        return young and not lent.connection.is_closed()

    def _put(self, lent: Lent) -> None:
        lent.fresh = False
        self._idle.append(lent)
        if len(self._idle) > self.limits.idle and self._tidying is None:
            self._tidying = asyncio.get_running_loop().call_later(_TIDY, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        while len(self._idle) > self.limits.idle:
            self._close(self._idle.popleft())

    def _close(self, *unused: Lent) -> None:
        for lent in unused:
            task = asyncio.ensure_future(_closed(lent.connection, self.patience))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _closed(connection: Connection, patience: float) -> None:
    with suppress(Exception):  # it is given up either way
        await connection.close(timeout=patience)

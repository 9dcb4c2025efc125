"""The store's own writer on connections that tell how long their commits take."""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from bench.raw_sqlite import connect
from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.sqlite.faults import Patience
from tillway.adapters.stores.sqlite.lane import Lane
from tillway.adapters.stores.sqlite.singles import Singles
from tillway.adapters.stores.sqlite.store import SqliteUnit
from tillway.adapters.stores.sqlite.writer import Transaction, Writer

_PATIENCE: Final = 10.0


@define(eq=False)
class Meter:
    """Seconds that commits took, and how many there were."""

    seconds: float = 0.0
    commits: int = 0

    def reset(self) -> None:
        """Let the measurement begin here."""
        self.seconds, self.commits = 0.0, 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time a commit."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began
        self.commits += 1

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open a database whose commits are timed."""
        meter = self

        class Timed(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                if sql != "COMMIT":
                    return super().execute(sql, parameters)
                with meter.running():
                    return super().execute(sql, parameters)

        return connect(path, Timed)


@define(eq=False)
class Metered:
    """Writes single units to a database as `SqliteStore` does, and has its commits timed."""

    path: Path
    meter: Meter = field(factory=Meter)
    _codec: Codec = field(init=False, factory=Codec)
    _singles: Singles = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Put the parts together; nothing is opened yet."""
        busy = Patience(seconds=_PATIENCE, jitter=lambda: 0.5)
        lane = Lane(lambda: self.meter.connect(self.path))
        self._singles = Singles(Writer(lane, Transaction(busy), _PATIENCE))

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[SqliteUnit]:
        """Open a unit of work of one call, as the store does."""
        assert once
        async with self._singles.unit() as session:
            yield SqliteUnit.over(session, self._codec)

    async def aclose(self) -> None:
        """Close it."""
        await self._singles.aclose()
        await self._singles.writer.aclose()

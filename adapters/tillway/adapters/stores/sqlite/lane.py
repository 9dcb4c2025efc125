"""A thread and the one connection that it uses."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from attrs import define, field

from tillway.adapters.stores.sqlite.faults import fault, is_fault, unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Session(Protocol):
    """What repositories run their statements in."""

    async def read(self, work: Work[T]) -> T:
        """Run work that reads."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run work that reads and writes; RuntimeError in a view."""
        ...


@contextmanager
def on_one_snapshot(sql: sqlite3.Connection) -> Iterator[None]:
    """Read several things as they stand at one moment, also where nothing has begun yet."""
    if sql.in_transaction:
        yield
        return
    sql.execute("BEGIN")
    try:
        yield
    finally:
        if sql.in_transaction:
            sql.execute("ROLLBACK")


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="tillway-sqlite")


@define(eq=False)
class Lane:
    """Run work in its own thread, one after the other, on a connection opened there."""

    _open: Callable[[], sqlite3.Connection]
    _thread: ThreadPoolExecutor = field(init=False, factory=_thread)
    _connection: sqlite3.Connection | None = field(init=False, default=None)

    async def run(self, work: Work[T]) -> T:
        """Run work and give its result; Unavailable if the database is at fault.

        Work that was begun is finished, even if the caller is cancelled.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ran, work)

    def post(self, work: Work[object]) -> None:
        """Run work after what was asked for before, and wait for nothing.

        If it fails the connection is closed, and opened again for what comes next.
        """
        with suppress(RuntimeError):  # closed meanwhile: there is nothing left to do
            self._thread.submit(self._tried, work)

    async def aclose(self) -> None:
        """Finish what was asked for, then close."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _ran(self, work: Work[T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._open()
            return work(self._connection)
        except sqlite3.Error as error:
            if is_fault(error):
                raise unavailable(fault(error)) from error
            raise

    def _tried(self, work: Work[object]) -> None:
        if self._connection is not None:
            try:
                work(self._connection)
            except sqlite3.Error:
                self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # it is given up either way
                connection.close()

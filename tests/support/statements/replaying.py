"""Send an operation's statements again, as the code of their version did."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.statements.records import Done, Rows, Sent
from tillway.core.secrets import Secret

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres.place import Connection

_PATIENCE = 20.0


class NotThere(Exception):
    """Says that an older schema lacks a table or a function."""


async def replay(place: str, done: Done) -> Sequence[Rows]:
    """Send the statements of one operation, and give what each heard. Raises NotThere."""
    if place.startswith("postgresql://"):
        return await _on_postgres(place, done.sent)
    return await asyncio.to_thread(_on_sqlite, Path(place), done.sent)


async def _on_postgres(place: str, sent: Sequence[Sent]) -> Sequence[Rows]:
    import asyncpg

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_opened(place)) for _ in _numbers(sent)]
        try:
            return [await _heard(connections[each.connection], each) for each in sent]
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
            raise NotThere from error


@asynccontextmanager
async def _opened(place: str) -> "AsyncIterator[Connection]":
    from tillway.adapters.stores.postgres.place import Place

    connection = await Place(Secret(place), patience=_PATIENCE).connect()
    try:
        yield connection
    finally:
        await connection.close()


async def _heard(connection: "Connection", sent: Sent) -> Rows:
    return [list(row) for row in await connection.fetch(sent.sql, *sent.values)]


def _on_sqlite(path: Path, sent: Sequence[Sent]) -> Sequence[Rows]:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(_connected(path))) for _ in _numbers(sent)]
        try:
            return [_told(connections[each.connection], each) for each in sent]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise NotThere from error
            raise


def _connected(path: Path) -> sqlite3.Connection:
    # Waits as the code did, which tries again while another process writes.
    return sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)


def _told(connection: sqlite3.Connection, sent: Sent) -> Rows:
    rows: list[tuple[Any, ...]] = connection.execute(sent.sql).fetchall()
    return [list(row) for row in rows]


def _numbers(sent: Sequence[Sent]) -> range:
    return range(1 + max(each.connection for each in sent))

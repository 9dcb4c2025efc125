"""Stop whoever changes a PostgreSQL schema inside a step, to look or to strike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from support.postgres import Databases

if TYPE_CHECKING:
    import asyncpg

KIT = "test_kit"
_LOCK = 7
_TRAP = """
    CREATE SCHEMA test_kit;
    GRANT USAGE ON SCHEMA test_kit TO PUBLIC;
    CREATE SEQUENCE test_kit.commands;
    CREATE FUNCTION test_kit.pause() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        IF nextval('test_kit.commands') = {command} THEN
            PERFORM pg_advisory_lock_shared({lock});
            PERFORM pg_advisory_unlock_shared({lock});
        END IF;
    END $$;
    CREATE EVENT TRIGGER test_pause ON ddl_command_end EXECUTE FUNCTION test_kit.pause();
"""
_WAITING = """
    SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND NOT granted AND objid = $1 AND datname = $2
"""


@frozen
class Pause:
    """A database in which somebody waits inside a step, or will."""

    postgres: Databases
    database: str
    holder: "asyncpg.Connection[asyncpg.Record]"
    lock: int

    async def reached(self) -> int:
        """Wait until somebody waits, and give his server process."""
        for _ in range(2000):
            found = await self.postgres.rows(
                _WAITING, self.lock, self.database, database=self.database
            )
            if found:
                return int(found[0][0])
            await asyncio.sleep(0.01)
        raise AssertionError("nobody has come")

    async def release(self) -> None:
        """Let him go on."""
        await self.holder.fetchval("SELECT pg_advisory_unlock($1)", self.lock)

    async def strike(self) -> None:
        """End his server process."""
        pid = await self.reached()
        await self.postgres.rows("SELECT pg_terminate_backend($1)", pid, database=self.database)

    async def left(self, pid: int) -> None:
        """Wait until a server process has seen that its client is gone."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
        for _ in range(2000):
            if await self.postgres.rows(query, pid, database=self.database) == [(0,)]:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it is still there")


@asynccontextmanager
async def paused_inside(postgres: Databases, database: str, command: int) -> AsyncIterator[Pause]:
    """Have whoever changes the schema wait at the end of its command of that number."""
    trap = _TRAP.format(command=command, lock=_LOCK)
    await postgres.sql(trap, database=database)
    async with paused_at(postgres, database, _LOCK) as pause:
        yield pause
    await postgres.sql(
        "DROP EVENT TRIGGER test_pause", "DROP SCHEMA test_kit CASCADE", database=database
    )


@asynccontextmanager
async def paused_at(postgres: Databases, database: str, lock: int) -> AsyncIterator[Pause]:
    """Hold an advisory lock, so that others wait for it."""
    import asyncpg

    holder = await asyncpg.connect(postgres.server.url(database, "postgres").reveal())
    try:
        await holder.fetchval("SELECT pg_advisory_lock($1)", lock)
        yield Pause(postgres, database, holder, lock)
    finally:
        await holder.close()


async def commands(postgres: Databases, database: str) -> int:
    """Say how many commands have changed the schema since the trap was set."""
    rows = await postgres.rows("SELECT last_value FROM test_kit.commands", database=database)
    return int(rows[0][0])

"""Bring the schema up to date, one step after the other, one process at a time."""

from collections.abc import Sequence
from importlib import resources
from typing import Final

import asyncpg

from tillway.adapters.stores.postgres.faults import fault, unavailable
from tillway.adapters.stores.postgres.place import Connection

OLDEST: Final = 14
"""The oldest PostgreSQL that its makers still mend."""

_LOCK: Final = 0x54696C6C
"""The advisory lock of whoever migrates: "Till" in ASCII."""

_LONGEST_STEP: Final = 3600.0
_VERSION: Final = "SELECT coalesce(max(version), 0) FROM tillway_schema"
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS tillway_schema (
        version integer PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


def migrations() -> Sequence[str]:
    """Give the steps from an empty database to the present schema, in their order."""
    folder = resources.files("tillway.adapters.stores.postgres") / "migrations"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files if file.name.endswith(".sql")]


async def prepare(connection: Connection, name: str) -> None:
    """Check that the database can be used and migrate it.

    Several processes may do so at once. Raises Unavailable with the name and the cause.
    """
    try:
        await _refuse_what_is_no_use(connection)
        await _migrate(connection)
    except (asyncpg.PostgresError, OSError) as error:
        said = " ".join(str(error).split())
        raise unavailable(f"at {name} {fault(error) or 'cannot be used'} ({said})") from error
    except _Unfit as reason:
        raise unavailable(f"at {name} {reason}") from None


class _Unfit(Exception):
    """Says why a database is no use to us."""


async def _refuse_what_is_no_use(connection: Connection) -> None:
    server = connection.get_server_version()
    if server.major < OLDEST:
        raise _Unfit(f"is PostgreSQL {server.major}, and {OLDEST} or newer is needed")
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        raise _Unfit("has a database that is not in UTF8")
    if await connection.fetchval("SHOW transaction_read_only") == "on":
        raise _Unfit("cannot be written to")


async def _migrate(connection: Connection) -> None:
    steps = migrations()
    version = await _version(connection)
    if version > len(steps):
        raise _Unfit(f"was made by a newer version of Tillway (schema {version})")
    while version < len(steps):
        version = await _next(connection, steps)


async def _next(connection: Connection, steps: Sequence[str]) -> int:
    """Take the next step, if no other process has, and give the version that was reached."""
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_LONGEST_STEP)
        await connection.execute(_TABLE)
        version = await _version(connection)
        if version < len(steps):
            await connection.execute(steps[version], timeout=_LONGEST_STEP)
            version += 1
            await connection.execute("INSERT INTO tillway_schema (version) VALUES ($1)", version)
    return version


async def _version(connection: Connection) -> int:
    known = await connection.fetchval("SELECT to_regclass('tillway_schema') IS NOT NULL")
    return int(await connection.fetchval(_VERSION)) if known else 0

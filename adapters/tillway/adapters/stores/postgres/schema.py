"""Bring the schema up to date, one step after the other, one process at a time."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import asyncpg

from tillway.adapters.stores.migrations import Migration, behind, migrations_of
from tillway.adapters.stores.postgres.faults import fault, unavailable
from tillway.adapters.stores.postgres.names import Names, tables_in
from tillway.adapters.stores.postgres.place import Connection
from tillway.core.ports.upkeep import Step

OLDEST: Final = 14
"""The oldest PostgreSQL that its makers still mend."""

_LOCK: Final = 0x54696C6C
"""The advisory lock of whoever migrates: "Till" in ASCII."""

_LONGEST_STEP: Final = 3600.0
_PACKAGE: Final = "tillway.adapters.stores.postgres"
# Through JSON, since the first versions had no column for names.
_DONE: Final = """
    SELECT version, to_jsonb(done)->>'names' FROM tillway_schema AS done ORDER BY version
"""
_IS_KNOWN: Final = "SELECT to_regclass('tillway_schema') IS NOT NULL"
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS tillway_schema (
        version integer PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT now()
    );
    ALTER TABLE tillway_schema ADD COLUMN IF NOT EXISTS names text
"""
_MARK: Final = "INSERT INTO tillway_schema (version, names) VALUES ($1, $2)"


def migrations() -> Sequence[str]:
    """Give the steps from an empty database to the present schema, in their order."""
    return [each.sql for each in migrations_of(_PACKAGE)]


async def prepare(connection: Connection, name: str, names: Names, *, migrates: bool) -> None:
    """Check that the database can be used, and migrate it unless others do that.

    Several processes may do so at once. Raises Unavailable with the name and the cause.
    """
    if migrates:
        await migrate(connection, name, names, lambda step: None)
    elif left := await pending(connection, name, names):
        raise behind(f"at {name}", left)


async def pending(connection: Connection, name: str, names: Names) -> Sequence[Step]:
    """Give the steps that are still to be taken. Raises Unavailable like ``prepare``."""
    with _told(name):
        await _refuse_what_is_no_use(connection)
        version = await _version(connection, names)
    return [each.step for each in migrations_of(_PACKAGE)[version:]]


async def migrate(
    connection: Connection, name: str, names: Names, taken: Callable[[Step], object]
) -> None:
    """Take them, and tell of each that was. Raises Unavailable like ``prepare``."""
    with _told(name):
        await _refuse_what_is_no_use(connection)
        version = await _version(connection, names)
        for each in migrations_of(_PACKAGE)[version:]:
            if await _taken(connection, each, names):
                taken(each.step)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, OSError) as error:
        said = " ".join(str(error).split())
        raise unavailable(f"at {name} {fault(error) or 'cannot be used'} ({said})") from error
    except asyncpg.InterfaceError as error:
        # What the driver says of a connection that was lost inside a transaction.
        raise unavailable(f"at {name} has lost its connection") from error
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


async def _taken(connection: Connection, next_: Migration, names: Names) -> bool:
    """Take a step, and tell whether it was left for us to take."""
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_LONGEST_STEP)
        await connection.execute(names.spoken(_TABLE))
        if await _version(connection, names) >= next_.step.version:
            return False
        await connection.execute(names.spoken(next_.sql), timeout=_LONGEST_STEP)
        made = json.dumps(_made_by(next_.sql, names))
        await connection.execute(names.spoken(_MARK), next_.step.version, made)
        return True


async def _version(connection: Connection, names: Names) -> int:
    """Give the version of the schema, if it is one that this program can work with."""
    if not await connection.fetchval(names.spoken(_IS_KNOWN)):
        return 0
    steps, done = migrations(), await connection.fetch(names.spoken(_DONE))
    version = max((row[0] for row in done), default=0)
    if version > len(steps):
        raise _Unfit(f"was made by a newer version of Tillway (schema {version})")
    for number, made in done:
        usual = _made_by(steps[number - 1], Names())
        _refuse_other_names(usual if made is None else json.loads(made), names)
    return int(version)


def _made_by(step: str, names: Names) -> Mapping[str, str]:
    return {word: names.called(word) for word in tables_in(step)}


def _refuse_other_names(made: Mapping[str, str], names: Names) -> None:
    """Refuse to look for a table where it is not: another would be empty and let repeats pass."""
    for word, name in made.items():
        if names.called(word) != name:
            raise _Unfit(
                f"has its {word} in the table {name}, which storage.schema_mapping now calls "
                f"{names.called(word)}: keep the names of a schema, or give another gateway "
                "a prefix of its own"
            )

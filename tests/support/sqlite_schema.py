"""What an SQLite database holds besides rows."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

MARK = 0x54696C6C
"""The application's id: "Till" in ASCII."""

_PRAGMAS = ("user_version", "application_id", "journal_mode", "encoding")


def schema(database: Path) -> Sequence[tuple[object, ...]]:
    """Give everything that is defined there, and the marks on the file."""
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        marks = [(name, *connection.execute(f"PRAGMA {name}").fetchone()) for name in _PRAGMAS]
        return [*connection.execute(query).fetchall(), *marks]


def version(database: Path) -> int:
    """Give the version of the schema."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def at_version(database: Path, wanted: int) -> Path:
    """Make a database as the first steps have left it."""
    from tillway.adapters.stores.sqlite.schema import migrations

    marks = f"PRAGMA application_id = {MARK}; PRAGMA user_version = {wanted};"
    with closing(sqlite3.connect(database)) as connection:
        for script in ("PRAGMA journal_mode = WAL;", *migrations()[:wanted], marks):
            connection.executescript(script)
    return database

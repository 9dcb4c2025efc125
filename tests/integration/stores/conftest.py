"""Places for stores that outlive their process."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from support.mongo import Mongo
from support.postgres import Databases
from support.store_summary import ran_on


@pytest.fixture(params=["sqlite", "postgres", "mongodb"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give a place as ``store_at`` takes it; a file is checked afterwards."""
    if request.param == "postgres":
        databases: Databases = request.getfixturevalue("postgres")
        yield databases.server.url(await databases.fresh()).reveal()
        return
    if request.param == "mongodb":
        mongo: Mongo = request.getfixturevalue("mongo")
        yield mongo.place()
        return
    ran_on("file", f"SQLite {sqlite3.sqlite_version}")
    database = tmp_path / "new" / "tillway.db"
    yield str(database)
    if database.exists():
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

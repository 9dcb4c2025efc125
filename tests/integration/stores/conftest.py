"""Places for stores that outlive their process."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from support.postgres import Databases


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give a place as ``store_at`` takes it; a file is checked afterwards."""
    if request.param == "postgres":
        databases: Databases = request.getfixturevalue("postgres")
        yield databases.server.url(await databases.fresh()).reveal()
        return
    database = tmp_path / "new" / "tillway.db"
    yield str(database)
    if database.exists():
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

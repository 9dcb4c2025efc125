"""A place that is no store: one line that says why, and exit code 2, before anything is served."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.command import Done, tillway, write_settings
from support.mongo import Mongo
from support.postgres import APP, GUARDED, PASSWORD, Databases
from support.postgres_disguise import disguised
from support.small_disk import small_disk
from support.store_places import store_at

_COMMANDS = ("serve", "migrate")


def _refused(folder: Path, storage: Mapping[str, Any], words: str) -> None:
    """Check what opens the store, to serve it or to change it."""
    file = write_settings(folder, {"storage": storage})
    for command in _COMMANDS:
        _says(tillway(*command.split(), "-c", file, folder=folder), words)


def _says(done: Done, words: str) -> None:
    assert (done.code, done.out, len(done.said)) == (2, "", 1), done.err
    assert words in done.err
    assert "secret" not in done.err
    assert PASSWORD not in done.err


async def _made(place: str) -> None:
    store = store_at(place)
    await store.start()
    await store.aclose()


def _changed(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)


class TestSqlite:
    def test_a_schema_from_the_future(self, tmp_path: Path) -> None:
        """A newer version's store is left to it."""
        asyncio.run(_made(str(tmp_path / "shop.db")))
        _changed(tmp_path / "shop.db", "PRAGMA user_version = 1000")
        _refused(tmp_path, {"file_path": "shop.db"}, "shop.db was made by a newer version")

    def test_another_programs_database(self, tmp_path: Path) -> None:
        """It is not taken for ours."""
        _changed(tmp_path / "shop.db", "CREATE TABLE theirs (id INTEGER)")
        _refused(tmp_path, {"file_path": "shop.db"}, "shop.db is another program's database")

    def test_a_place_that_is_no_file(self, tmp_path: Path) -> None:
        """A folder, or a way through a file."""
        (tmp_path / "folder").mkdir()
        _refused(tmp_path, {"file_path": "folder"}, "folder cannot be opened")
        (tmp_path / "file").touch()
        _refused(tmp_path, {"file_path": "file/shop.db"}, "shop.db cannot be opened")

    def test_a_full_disk(self, tmp_path: Path) -> None:
        """Nothing can be made there."""
        with small_disk(1) as disk:
            disk.fill()
            file = write_settings(
                tmp_path, {"storage": {"file_path": str(disk.folder / "shop.db")}}
            )
            for command in _COMMANDS:
                done = tillway(*command.split(), "-c", file, folder=tmp_path)
                _says(done, "/shop.db is on a disk that is full")


class TestPostgres:
    @pytest.fixture
    def database(self, postgres: Databases) -> str:
        return asyncio.run(postgres.fresh())

    def _refused(self, folder: Path, url: str, words: str) -> None:
        _refused(folder, {"backend": "postgres", "postgres_url": url}, words)

    def test_a_url_that_leads_nowhere(self, tmp_path: Path) -> None:
        """Or that is none."""
        nobody = "postgresql://me:secret@127.0.0.1:1/shop"
        self._refused(tmp_path, nobody, "at 127.0.0.1:1/shop cannot be reached")
        self._refused(tmp_path, "postgres//secret", "is not named by a URL")

    def test_wrong_credentials(self, tmp_path: Path, postgres: Databases, database: str) -> None:
        """The database is named, and neither who tried nor with what."""
        url = postgres.server.url(database, GUARDED, "secret").reveal()
        self._refused(tmp_path, url, f"/{database} refuses this user")

    def test_a_schema_from_the_future(
        self, tmp_path: Path, postgres: Databases, database: str
    ) -> None:
        """A newer version's store is left to it."""
        newer = "INSERT INTO tillway_schema (version) VALUES (1000)"
        asyncio.run(postgres.sql(newer, database=database))
        url = postgres.server.url(database).reveal()
        self._refused(tmp_path, url, "was made by a newer version of Tillway (schema 1000)")

    def test_a_database_that_takes_no_writes(
        self, tmp_path: Path, postgres: Databases, database: str
    ) -> None:
        """A standby is no store."""
        standby = f"ALTER DATABASE {database} SET default_transaction_read_only = on"
        asyncio.run(postgres.sql(standby))
        url = postgres.server.url(database).reveal()
        self._refused(tmp_path, url, f"/{database} cannot be written to")

    @pytest.mark.parametrize("version", ["13.22", "9.6.24"])
    async def test_a_server_that_is_too_old(
        self, tmp_path: Path, postgres: Databases, database: str, version: str
    ) -> None:
        """Both versions are named: the one that is there and the one that is needed."""
        async with disguised(postgres.server.port, version) as port:
            url = f"postgresql://{APP}@127.0.0.1:{port}/{database}?sslmode=disable"
            words = f"is PostgreSQL {version.split('.')[0]}, and 14 or newer is needed"
            await asyncio.to_thread(self._refused, tmp_path, url, words)


class TestMongo:
    def _refused(self, folder: Path, mongo: Mongo | None, url: str, words: str) -> None:
        name = "shop" if mongo is None else mongo.fresh()
        storage = {"backend": "mongodb", "mongodb_url": url, "mongodb_database": name}
        if mongo is not None:
            mongo.write(name, "tillway_marks", {"_id": "format", "version": 2})
        file = write_settings(folder, {"storage": storage})
        _says(tillway("serve", "-c", file, folder=folder), words)

    def test_a_server_that_is_not_there(self, tmp_path: Path) -> None:
        """The place is named, the password is not."""
        url = "mongodb://me:secret@127.0.0.1:1/"
        self._refused(tmp_path, None, url, "127.0.0.1:1/shop cannot be reached")

    def test_a_url_that_cannot_be_understood(self, tmp_path: Path) -> None:
        """What of it may be a password is not repeated."""
        url = "mongodb://me:secret@127.0.0.1:port/"
        self._refused(tmp_path, None, url, "cannot be used as configured")

    def test_a_format_from_the_future(self, tmp_path: Path, mongo: Mongo) -> None:
        """A newer version's store is left to it."""
        words = "was made by a newer version of Tillway (format 2)"
        self._refused(tmp_path, mongo, mongo.url.reveal(), words)

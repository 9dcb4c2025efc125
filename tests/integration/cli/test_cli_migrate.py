"""``tillway migrate``, on every store that has a schema."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.command import LISTENS, Done, running, tillway, write_settings
from support.store_places import store_at
from tillway.core.ports.upkeep import Migrates

Storage = Mapping[str, Any]


@pytest.fixture(params=["file", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give settings of a store where nothing is yet."""
    if request.param == "file":
        return {"backend": "file", "file_path": str(tmp_path / "data" / "tillway.db")}
    postgres = request.getfixturevalue("postgres")
    url = postgres.server.url(asyncio.run(postgres.fresh(empty=True)))
    return {"backend": "postgres", "postgres_url": url.reveal()}


def _place(storage: Storage) -> str:
    return str(storage.get("file_path") or storage["postgres_url"])


def _pending(storage: Storage) -> list[str]:
    store = store_at(_place(storage))
    assert isinstance(store, Migrates)
    return [f"{step.version:04}" for step in asyncio.run(store.pending())]


def _steps(done: Done) -> list[str]:
    assert done.code == 0, done.err
    return [line.split()[0] for line in done.out.splitlines() if line.strip()[:4].isdigit()]


class TestMigrate:
    def test_each_step_is_named_and_taken_once(self, tmp_path: Path, storage: Storage) -> None:
        """A repeat has nothing to do, and a gateway starts on what was made."""
        file, every = write_settings(tmp_path, {"storage": storage}), _pending(storage)
        done = tillway("migrate", "-c", file, folder=tmp_path)
        assert _steps(done) == every
        assert "payments" in done.out
        assert done.out.endswith("The schema is up to date.\n")
        again = tillway("migrate", "-c", file, folder=tmp_path)
        assert again.out == "The schema is up to date.\n"
        assert _pending(storage) == []

    def test_a_dry_run_changes_nothing(self, tmp_path: Path, storage: Storage) -> None:
        """It names the steps, and creates not so much as a folder."""
        file, every = write_settings(tmp_path, {"storage": storage}), _pending(storage)
        done = tillway("migrate", "--dry-run", "-c", file, folder=tmp_path)
        assert _steps(done) == every
        assert done.out.endswith("nothing was changed.\n")
        assert _pending(storage) == every
        assert not (tmp_path / "data").exists()
        tillway("migrate", "-c", file, folder=tmp_path)
        done = tillway("migrate", "--dry-run", "-c", file, folder=tmp_path)
        assert done.out == "The schema is up to date.\n"


class TestWithoutMigratingAtTheStart:
    def test_a_schema_that_is_behind_is_refused_with_the_advice(
        self, tmp_path: Path, storage: Storage
    ) -> None:
        """One line, exit code 2, and nothing was made; after the command it starts."""
        file = write_settings(tmp_path, {"storage": {**storage, "migrate": False}})
        every = _pending(storage)
        for command in ("serve", "worker", "payments list"):
            done = tillway(*command.split(), "-c", file, folder=tmp_path)
            assert (done.code, len(done.said)) == (2, 1), done.err
            wanted = f"has schema 0, and {len(every)} is needed: run `tillway migrate`"
            assert wanted in done.err
        assert _pending(storage) == every
        assert tillway("migrate", "-c", file, folder=tmp_path).code == 0
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS) as gateway:
            assert gateway.stop() == 0

    def test_the_environment_may_say_so(self, tmp_path: Path) -> None:
        """TILLWAY_STORAGE_MIGRATE is the setting's variable."""
        file = write_settings(tmp_path)
        done = tillway("serve", "-c", file, folder=tmp_path, TILLWAY_STORAGE_MIGRATE="false")
        assert done.code == 2
        assert "tillway migrate" in done.err
        assert not (tmp_path / "tillway.db").exists()


class TestWhatCannotBeMigrated:
    @pytest.mark.parametrize("dry", [[], ["--dry-run"]])
    @pytest.mark.parametrize(
        ("storage", "words"),
        [
            ({"postgres_url": "postgresql://me:secret@127.0.0.1:1/shop"}, ":1/shop cannot be"),
            ({"postgres_url": "mysql://me:secret@host/shop"}, "is not named by a URL"),
            ({"file_path": "tillway.yaml"}, "is not an SQLite database"),
            ({"file_path": "tillway.yaml/x.db"}, "cannot be opened"),
        ],
    )
    def test_what_cannot_be_reached_is_one_line(
        self, tmp_path: Path, storage: Storage, words: str, dry: list[str]
    ) -> None:
        """With exit code 2, and without what must not be seen."""
        backend = "postgres" if "postgres_url" in storage else "file"
        file = write_settings(tmp_path, {"storage": {"backend": backend, **storage}})
        done = tillway("migrate", *dry, "-c", file, folder=tmp_path)
        assert (done.code, done.out, len(done.said)) == (2, "", 1), done.err
        assert words in done.err
        assert "secret" not in done.err

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]])
    async def test_a_schema_from_the_future_is_refused(
        self, tmp_path: Path, storage: Storage, dry: list[str]
    ) -> None:
        """What a newer version has made is left as it is."""
        file = write_settings(tmp_path, {"storage": storage})
        await asyncio.to_thread(tillway, "migrate", "-c", file, folder=tmp_path)
        await _make_newer(_place(storage))
        done = await asyncio.to_thread(tillway, "migrate", *dry, "-c", file, folder=tmp_path)
        assert (done.code, done.out, len(done.said)) == (2, "", 1), done.err
        assert "made by a newer version of Tillway (schema 1000)" in done.err

    def test_a_store_without_a_schema_has_nothing_to_do(self, tmp_path: Path) -> None:
        """The same command may be run before every start, whatever the store."""
        file = write_settings(tmp_path, {"storage": {"backend": "memory"}})
        done = tillway("migrate", "-c", file, folder=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert "no schema" in done.out


async def _make_newer(place: str) -> None:
    if not place.startswith("postgresql://"):
        import sqlite3

        connection = sqlite3.connect(place)
        connection.execute("PRAGMA user_version = 1000")
        connection.close()
        return
    import asyncpg

    server = await asyncpg.connect(place)
    await server.execute("INSERT INTO tillway_schema (version) VALUES (1000)")
    await server.close()

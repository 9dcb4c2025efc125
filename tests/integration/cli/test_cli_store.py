"""``tillway store backup``: a copy of what a gateway works on."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.command import LISTENS, running, tillway, write_settings
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim

_PG = "postgresql://me:secret@127.0.0.1:1/shop"


async def _fill(database: Path) -> None:
    store = SqliteStore(database)
    await store.start()
    await claim(store, payment("a"))
    await store.aclose()


class TestBackup:
    def test_a_gateway_that_runs_is_copied(self, tmp_path: Path) -> None:
        """The copy is a store: commands read it, and a gateway starts on it."""
        file = write_settings(tmp_path)
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS):
            asyncio.run(_fill(tmp_path / "tillway.db"))
            done = tillway("store", "backup", "copy.db", "-c", file, folder=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("copy.db holds a whole copy, checked: ")
        storage = {"storage": {"file_path": "copy.db"}}
        of_the_copy = write_settings(tmp_path, storage, name="copy.yaml")
        listed = tillway("payments", "list", "-c", of_the_copy, folder=tmp_path)
        assert "signature-a" in listed.out
        with running("serve", "-c", of_the_copy, folder=tmp_path, until=LISTENS) as gateway:
            assert gateway.stop() == 0

    def test_a_file_that_is_there_is_kept(self, tmp_path: Path) -> None:
        """One line says so, with exit code 2."""
        asyncio.run(_fill(tmp_path / "tillway.db"))
        (tmp_path / "copy.db").write_text("precious")
        done = tillway(
            "store", "backup", "copy.db", "-c", write_settings(tmp_path), folder=tmp_path
        )
        assert (done.code, done.said) == (2, ["copy.db: File exists"])
        assert (tmp_path / "copy.db").read_text() == "precious"

    @pytest.mark.parametrize(
        ("storage", "words"),
        [
            ({}, "tillway.db cannot be opened"),
            ({"backend": "memory"}, "makes no copies of itself: it forgets"),
            ({"backend": "postgres", "postgres_url": _PG}, "of itself: use pg_dump"),
        ],
    )
    def test_what_cannot_be_copied(
        self, tmp_path: Path, storage: Mapping[str, Any], words: str
    ) -> None:
        """One line says what to do instead, and no file is made."""
        file = write_settings(tmp_path, {"storage": storage})
        done = tillway("store", "backup", "copy.db", "-c", file, folder=tmp_path)
        assert (done.code, done.out, len(done.said)) == (2, "", 1), done.err
        assert words in done.err
        assert [each.name for each in tmp_path.iterdir()] == ["tillway.yaml"]

"""``tillway ledger verify`` on the books of a sandbox that runs, and on a copy that was changed."""

import re
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from support.command import Done, tillway, write_settings
from support.place import Place

_HEAD: Final = re.compile(r"^default/(\d+):([0-9a-f]{64}) \(no head was published\)$", re.M)


def _storage(file: Path) -> Mapping[str, Any]:
    return {"storage": {"backend": "file", "file_path": str(file)}}


def _verified(folder: Path, file: Path, *words: str) -> Done:
    settings = write_settings(folder, _storage(file))
    return tillway("ledger", "verify", "-c", settings, *words, folder=folder)


def _books(place: Place) -> Path:
    return place.folder / "data" / "tillway.db"


def _sealed(place: Place, folder: Path) -> tuple[str, str]:
    """Wait until the sandbox's purchase is sealed, and give its head."""
    for _ in range(100):
        found = _HEAD.search(_verified(folder, _books(place)).out)
        if found is not None and int(found[1]) >= 2:
            return found[1], found[2]
        time.sleep(0.1)
    raise AssertionError("nothing was sealed")


def _copy(place: Place, folder: Path) -> Path:
    copy = folder / "copy.db"
    settings = write_settings(folder, _storage(_books(place)))
    done = tillway("store", "backup", "-c", settings, copy, folder=folder)
    assert done.code == 0, done.err
    return copy


class TestVerify:
    def test_sound_books_are_counted(self, tmp_path: Path, place: Place) -> None:
        """A purchase is two facts, of which one is an entry over two accounts."""
        number, seal = _sealed(place, tmp_path)
        done = _verified(tmp_path, _books(place), "--head", f"{number}:{seal}")
        assert (done.code, done.err) == (0, "")
        assert "2 facts sealed, 1 ledger entries, 2 accounts" in done.out

    def test_changed_books_are_found_out(self, tmp_path: Path, place: Place) -> None:
        """With exit code 1, and a line for what is wrong."""
        _sealed(place, tmp_path)
        copy = _copy(place, tmp_path)
        with closing(sqlite3.connect(copy)) as books:
            books.execute("UPDATE accounts SET total = total + 1 WHERE total > 0")
            books.commit()
        done = _verified(tmp_path, copy)
        assert done.code == 1
        assert "its entries say otherwise" in done.err

    def test_a_past_that_was_cut_off_is_found_out(self, tmp_path: Path, place: Place) -> None:
        """By a head that was kept."""
        number, seal = _sealed(place, tmp_path)
        copy = _copy(place, tmp_path)
        with closing(sqlite3.connect(copy)) as books:
            for table in ("events", "lines", "accounts"):
                books.execute(f"DELETE FROM {table}")
            books.commit()
        assert _verified(tmp_path, copy).code == 0
        done = _verified(tmp_path, copy, "--head", f"default/{number}:{seal}")
        assert done.code == 1
        assert "which was known, is not there" in done.err

    def test_a_head_that_is_none_is_refused(self, tmp_path: Path) -> None:
        """In one line, with exit code 2."""
        done = _verified(tmp_path, tmp_path / "none.db", "--head", "12:abc")
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
        assert "64 hexadecimal digits" in done.err

    def test_the_memory_store_has_no_books_to_show(self, tmp_path: Path) -> None:
        """They are its process's own."""
        settings = write_settings(tmp_path, {"storage": {"backend": "memory"}})
        done = tillway("ledger", "verify", "-c", settings, folder=tmp_path)
        assert done.code == 2
        assert "memory store" in done.err

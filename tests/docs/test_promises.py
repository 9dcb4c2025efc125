"""The page of promises names tests that are there."""

import re
from pathlib import Path

import pytest

from support.pages import DOCS, Page

PAGE = Page(DOCS / "explanation" / "promises.md")
_ROW = re.compile(r"^\| (?!who|---)(?P<who>[^|]+) \|", re.MULTILINE)
_FILE = re.compile(r"\]\((?P<path>[^)]+\.py)\)")
_NAME = re.compile(r"`((?:Test|test_)\w+)`(?!\])")


def rows() -> list[tuple[Path, str]]:
    """Give each name of a test with its file: the one in its row, or in the row before."""
    found, file = [], Path()
    for row in _ROW.finditer(PAGE.text):
        named = _FILE.search(row["who"])
        if named is not None:
            file = (PAGE.path.parent / named["path"]).resolve()
        found += [(file, name) for name in _NAME.findall(row["who"])] or [(file, "")]
    return found


class TestNames:
    @pytest.mark.parametrize(("file", "name"), rows(), ids=str)
    def test_each_test_is_there(self, file: Path, name: str) -> None:
        """In the file that the page says."""
        assert file.is_file()
        assert re.search(rf"(class|def) {name}\b", file.read_text()) or not name

    def test_every_promise_has_one(self) -> None:
        """A promise without a test that tries to break it is a wish."""
        promises = [part for part in PAGE.text.split("\n## ")[1:] if not _is_last(part)]
        assert len(promises) == 7
        assert all(_ROW.search(part) for part in promises)


def _is_last(part: str) -> bool:
    return part.startswith("What is not promised")

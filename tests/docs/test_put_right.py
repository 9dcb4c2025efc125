"""The guide for operators: what waits for them is settled by the commands that it names."""

import shutil
from pathlib import Path

import pytest

from support.guides import reader
from support.pages import DOCS, Page


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("python3") is None,
    reason="the guide uses curl and python3",
)
class TestCommands:
    def test_each_prints_what_the_page_shows(self, tmp_path: Path) -> None:
        """In a sandbox where nothing else waits: a refund is approved, a dispute won."""
        with reader(tmp_path) as someone:
            printed, shown = someone.reads(Page(DOCS / "how-to" / "put-right.md"), tmp_path)
        assert printed == shown

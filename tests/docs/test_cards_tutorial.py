"""The tutorial on cards: every block prints what the page shows, in one sandbox."""

import shutil
from pathlib import Path

import pytest

from support.guides import reader
from support.pages import TUTORIAL, Page


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("python3") is None,
    reason="the tutorial uses curl and python3",
)
class TestTutorial:
    def test_every_block_prints_what_the_page_shows(self, tmp_path: Path) -> None:
        """In one shell, as whoever reads it types them; its sandbox's clock is moved."""
        with reader(tmp_path) as someone:
            printed, shown = someone.reads(Page(TUTORIAL / "cards-and-subscriptions.md"), tmp_path)
        assert printed == shown

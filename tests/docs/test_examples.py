"""Examples in the documentation run.

A block of Python after the line ``<!-- example -->`` is one: it runs by itself, in a process of
its own and in an empty folder, and warnings are errors in it.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.pages import Block, Page, name_of, pages

MARK = "<!-- example -->"


def examples() -> Sequence[tuple[Page, Block]]:
    """Give every marked block and its page."""
    return [
        (page, block) for page in pages() for block in page.blocks() if block.before.strip() == MARK
    ]


class TestExamples:
    @pytest.mark.parametrize(
        ("page", "block"), examples(), ids=[name_of(page) for page, _ in examples()]
    )
    def test_an_example_runs(self, page: Page, block: Block, tmp_path: Path) -> None:
        """To its end, and without a warning."""
        assert block.language == "python", f"{name_of(page)} marks what is not Python"
        script = tmp_path / "example.py"
        script.write_text(block.code)
        run = subprocess.run(
            [sys.executable, "-W", "error", script],
            cwd=tmp_path,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, run.stderr

    def test_there_are_examples(self) -> None:
        """The mark is still read."""
        assert len(examples()) >= 3

    def test_every_mark_stands_before_a_block(self) -> None:
        """None is lost to a blank page."""
        marks = sum(page.text.count(MARK) for page in pages())
        assert marks == len(examples())

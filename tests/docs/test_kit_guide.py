"""The guide to the kit: its files are valid, and its transcripts are what pytest prints."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from support.pages import DOCS, TUTORIAL, Block, Page

PAGE: Final = Page(DOCS / "how-to" / "test-a-store-or-rail.md")
_NAMED: Final = re.compile(r"# (?P<name>[\w.]+)\n")
_BAR: Final = re.compile(r"^=+ (.*?) =+$")


def transcripts() -> list[Block]:
    """Give the blocks that show a command and what it prints."""
    return [block for block in PAGE.blocks() if block.language == "console"]


def command_of(block: Block) -> str:
    """Give the command of a transcript."""
    return block.code.splitlines()[0].removeprefix("$ ")


def lines_of(text: str) -> list[str]:
    """Give lines with bars of one length, and without numbers: laws are added now and then."""
    plain = (_BAR.sub(r"= \1 =", line) for line in text.splitlines())
    return [" ".join(re.sub(r"\d+", "N", line).split()) for line in plain]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the files of the guide."""
    for block in PAGE.blocks():
        named = _NAMED.match(block.code)
        if named is not None:
            (tmp_path / named["name"]).write_text(block.code)
    return tmp_path


class TestTranscripts:
    @pytest.mark.parametrize("block", transcripts(), ids=command_of)
    def test_a_transcript_is_what_is_printed(self, block: Block, folder: Path) -> None:
        """The report is there, line for line, but for how many laws there are by now."""
        name, *arguments = shlex.split(command_of(block))
        run = subprocess.run(
            [sys.executable, "-m", name, *arguments, f"--basetemp={folder / 'temporary'}"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(TUTORIAL / "first-plugin")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        shown, printed = lines_of(block.code)[1:], lines_of(run.stdout)
        assert shown[0] in printed, run.stdout + run.stderr
        begin = printed.index(shown[0])
        assert printed[begin : begin + len(shown)] == shown
        assert run.returncode == ("BROKEN" in block.code)

    def test_there_are_transcripts(self) -> None:
        """Of a store, a place and a rail."""
        options = [command_of(block).split()[1].partition("=")[0] for block in transcripts()]
        assert options == ["--tillway-store", "--tillway-store-place", "--tillway-rail"]

"""The tutorial prints its files as they are."""

import re
from collections.abc import Mapping

from support.pages import TUTORIAL, Page

PAGE = Page(TUTORIAL / "first-plugin.md")
FOLDER = TUTORIAL / "first-plugin"
_NAME = re.compile(r"\*\*`([\w./]+)`\*\*")
_MADE = ("__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", "dist")


def printed() -> Mapping[str, str]:
    """Give the blocks that are files, by their names."""
    named = ((_NAME.fullmatch(block.before), block.code) for block in PAGE.blocks())
    return {found[1]: code for found, code in named if found}


def files() -> Mapping[str, str]:
    """Give the files of the project, but for those that tools have made."""
    found = (path for path in sorted(FOLDER.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(FOLDER)): path.read_text()
        for path in found
        if not set(path.relative_to(FOLDER).parts) & set(_MADE)
    }


class TestFirstPlugin:
    def test_every_file_is_printed(self) -> None:
        """And no other; a file without content is only named."""
        full = {name for name, text in files().items() if text}
        assert printed().keys() == full
        assert all(f"`{name}`" in PAGE.text for name in files())

    def test_what_is_printed_is_the_file(self) -> None:
        """To the letter."""
        for name, code in printed().items():
            assert code == files()[name], name

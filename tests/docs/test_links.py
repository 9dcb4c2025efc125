"""Links lead somewhere, and what people look for can be found."""

from pathlib import Path

import pytest

from support.pages import DOCS, ROOT, Page, name_of, pages

_OUTSIDE = ("http://", "https://", "mailto:")


class TestLinks:
    @pytest.mark.parametrize("page", pages(), ids=name_of)
    def test_every_link_within_leads_somewhere(self, page: Page) -> None:
        """To a file that is there, and to a heading in it if one is named."""
        for link in page.links():
            if link.startswith(_OUTSIDE):
                continue
            place, _, anchor = link.partition("#")
            target = page.path.parent / place if place else page.path
            assert target.exists(), f"{link} leads nowhere"
            assert target.resolve().is_relative_to(ROOT), f"{link} leads out of the repository"
            if anchor:
                assert anchor in Page(target).anchors(), f"{link} names no heading"

    def test_every_page_has_one_title(self) -> None:
        """A heading of the first level, and it comes first."""
        for page in pages():
            assert page.text.startswith("# "), name_of(page)
            assert len(page.headings(1)) == 1, name_of(page)

    def test_decisions_are_numbered_without_gaps(self) -> None:
        """In their names and in their titles."""
        found = sorted((DOCS / "decisions").glob("*.md"))
        for number, path in enumerate(found, start=1):
            assert path.name.startswith(f"{number:04}-")
            assert Page(path).headings(1)[0].startswith(f"{number}. ")


class TestPages:
    def test_links_and_headings_are_read_as_they_are_meant(self, tmp_path: Path) -> None:
        """Not those in code; code in links counts, and twins are numbered."""
        page = Page(tmp_path / "page.md")
        page.path.write_text(
            "# One\n\n[`two`](#two) and `[three](three.md)`\n\n"
            "```md\n# No\n[four](four.md)\n```\n\n"
            "## Two\n\n## `Two`: it is_so!\n\n## Two\n"
        )
        assert page.links() == ["#two"]
        assert page.headings(1) == ["One"]
        assert page.anchors() == {"one", "two", "two-it-is_so", "two-1"}

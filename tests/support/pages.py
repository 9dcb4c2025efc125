"""The documentation as tests read it: headings, links and blocks of code."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
TUTORIAL: Final = DOCS / "tutorial"

_FENCE: Final = re.compile(
    r"(?P<before>[^\n]*)\n+^(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
_HEADING: Final = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
_LINK: Final = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?\)")
_CODE: Final = re.compile(r"`[^`\n]*`")


@frozen(kw_only=True)
class Block:
    """A block of code, with the line of text before it."""

    before: str
    language: str
    code: str


@frozen
class Page:
    """A page in Markdown."""

    path: Path

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """All of it but the blocks of code."""
        return _FENCE.sub(lambda found: found["before"], self.text)

    def blocks(self) -> Iterator[Block]:
        """Give its blocks of code in their order."""
        for found in _FENCE.finditer(self.text):
            yield Block(before=found["before"], language=found["language"], code=found["code"])

    def headings(self, level: int | None = None) -> Sequence[str]:
        """Give the headings, of one level or of all, as they are written."""
        found = _HEADING.findall(self.prose)
        return [text for marks, text in found if level in (None, len(marks))]

    def section(self, heading: str) -> str:
        """Give what stands between a heading and the next one."""
        _, _, rest = self.prose.partition(f" {heading}\n")
        return _HEADING.split(rest, maxsplit=1)[0]

    def links(self) -> Sequence[str]:
        """Give the targets of its links; what stands in code is none."""
        return _LINK.findall(_CODE.sub("", self.prose))

    def anchors(self) -> frozenset[str]:
        """Give the fragments by which its headings can be linked to, as GitHub makes them."""
        seen: Counter[str] = Counter()
        found = set()
        for heading in self.headings():
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return frozenset(found)


def pages() -> Sequence[Page]:
    """Give every page: those at the top, and all of the documentation."""
    return [Page(path) for path in (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))]


def name_of(page: Page) -> str:
    """Name a page for people."""
    return str(page.path.relative_to(ROOT))

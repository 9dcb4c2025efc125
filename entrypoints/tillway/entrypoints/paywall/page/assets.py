"""The page's script and style sheet: named by what is in them, and so kept for ever."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from attrs import field, frozen

from tillway.entrypoints.paywall.page.theme import Theme
from tillway.entrypoints.paywall.replies import Reply

FOREVER: Final = "public, max-age=31536000, immutable"

_KINDS: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def source(name: str) -> str:
    """Read a file that lies beside this module."""
    return files(__package__).joinpath(name).read_text("utf-8")


@frozen
class Asset:
    """A file, and its name with a hash of it."""

    kind: str
    body: bytes
    name: str = field(init=False)

    @name.default
    def _named(self) -> str:
        return f"page.{hashlib.sha256(self.body).hexdigest()[:16]}.{self.kind}"


@frozen
class Assets:
    """The files of one gateway's page."""

    script: Asset
    style: Asset

    @classmethod
    def of(cls, theme: Theme) -> "Assets":
        """Make them."""
        style = theme.css + source("page.css")
        return cls(Asset("js", source("page.js").encode()), Asset("css", style.encode()))

    def find(self, name: str) -> Reply | None:
        """Give a file by its name; None if there is none of its kind.

        One with another hash is what another version of us has named: it gets what there is, and
        keeps it for this once.
        """
        kinds: Mapping[str, Asset] = {each.kind: each for each in (self.script, self.style)}
        start, _, kind = name.rpartition(".")
        asset = kinds.get(kind)
        if asset is None or not start.startswith("page."):
            return None
        kept = FOREVER if name == asset.name else "no-store"
        headers = {"Content-Type": _KINDS[kind], "Cache-Control": kept}
        return Reply(status=200, headers=headers, body=asset.body)

"""What a plugin says of itself, before any of its technology is imported."""

import re
from enum import StrEnum
from typing import Final

from attrs import Attribute, field, frozen

_SECTION: Final = re.compile(r"[a-z][a-z0-9_]*")
_BESIDE: Final = "plugins"


class Kind(StrEnum):
    """What a plugin adds; names are unique per kind."""

    RAIL = "rail"
    STORE = "store"
    API = "api"
    OBSERVER = "observer"


@frozen(kw_only=True)
class Plugin:
    """A plugin module's constant named ``PLUGIN``.

    ``name`` is its entry point's. ``section`` is its own section of the settings, typed by the
    attrs class ``settings``; it has both or neither. ``extra`` is the extra of its distribution
    that installs what it imports.
    """

    kind: Kind
    name: str
    summary: str
    section: str | None = field(default=None)
    settings: type | None = None
    extra: str | None = None

    @section.validator
    def _check_section(self, _: "Attribute[str | None]", section: str | None) -> None:
        if section is None:
            return
        if not _SECTION.fullmatch(section) or section == _BESIDE:
            raise ValueError(f"section must be a lower-case word other than {_BESIDE!r}")

    def __attrs_post_init__(self) -> None:
        """Refuse a section that nobody could read, and settings that nobody could set."""
        if (self.section is None) is not (self.settings is None):
            raise ValueError("a section and its settings class come together")

"""What a plugin says of itself, before any of its technology is imported."""

from enum import StrEnum

from attrs import frozen


class Kind(StrEnum):
    """What a plugin adds; names are unique per kind."""

    RAIL = "rail"
    STORE = "store"
    API = "api"
    OBSERVER = "observer"


@frozen(kw_only=True)
class Plugin:
    """A plugin module's constant named ``PLUGIN``.

    ``section`` is its own section of the settings, typed by the attrs class ``settings``.
    ``extra`` is the extra of its distribution that installs what it imports.
    """

    kind: Kind
    name: str
    summary: str
    section: str | None = None
    settings: type | None = None
    extra: str | None = None

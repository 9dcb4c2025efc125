"""What a plugin's hooks are given to build with."""

from collections.abc import Mapping
from typing import TypeVar

from attrs import frozen

from tillway.core.assets import Assets
from tillway.core.observations import Observer
from tillway.core.ports.clock import Clock, Random

_Section = TypeVar("_Section")


@frozen(kw_only=True)
class Context:
    """The gateway's parts that a plugin may use, and the settings.

    ``sections`` holds the typed settings by section name; a plugin asks for its own.
    """

    sections: Mapping[str, object]
    assets: Assets
    clock: Clock
    random: Random
    observe: Observer
    environment: str

    def section(self, name: str, kind: type[_Section]) -> _Section:
        """Give the settings of a section. KeyError if absent, TypeError if of another type."""
        found = self.sections[name]
        if not isinstance(found, kind):
            raise TypeError(f"section {name!r} is {type(found).__name__}, not {kind.__name__}")
        return found

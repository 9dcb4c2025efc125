"""What a plugin's hooks are given to build with."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from attrs import define, field, frozen

from tillway.core.assets import Assets
from tillway.core.observations import Observer
from tillway.core.ports.clock import Clock, Random

_Section = TypeVar("_Section")
_Made = TypeVar("_Made")


@define
class Shared:
    """What parts of one gateway have in common, such as connections: each is made once."""

    _made: dict[Hashable, object] = field(factory=dict, init=False, repr=False)

    def once(self, kind: type[_Made], key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Give what was made under this key; the first who asks makes it."""
        made = self.find(kind, key) or make()
        self._made[kind, key] = made
        return made

    def find(self, kind: type[_Made], key: Hashable) -> _Made | None:
        """Give what was made under this key, if anything was."""
        made = self._made.get((kind, key))
        if made is not None and not isinstance(made, kind):
            raise TypeError(f"{type(made).__name__} is no {kind.__name__}")
        return made


@frozen(kw_only=True)
class Context:
    """The gateway's parts that a plugin may use, and the settings.

    ``sections`` holds the typed settings by section name; a plugin asks for its own.
    ``addresses`` are the gateway's own, the main one first, as far as the settings name any.
    What its parts have in common, such as connections, is ``shared``.
    """

    sections: Mapping[str, object]
    assets: Assets
    clock: Clock
    random: Random
    observe: Observer
    environment: str
    addresses: Sequence[str] = ()
    shared: Shared = field(factory=Shared)

    def section(self, name: str, kind: type[_Section]) -> _Section:
        """Give the settings of a section. KeyError if absent, TypeError if of another type."""
        found = self.sections[name]
        if not isinstance(found, kind):
            raise TypeError(f"section {name!r} is {type(found).__name__}, not {kind.__name__}")
        return found

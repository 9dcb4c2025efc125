"""Settings on their way: what has been read so far, faulty or not."""

from __future__ import annotations

from typing import TypeVar

from attrs import Factory, define, evolve

from tillway.entrypoints.settings.faults import Fault
from tillway.entrypoints.settings.reading import Reader

T = TypeVar("T")


@define(kw_only=True)
class Draft:
    """The sections read so far, by name, and the reader that knows their faults and origins."""

    reader: Reader
    plugins: tuple[str, ...] = ()
    sections: dict[str, object] = Factory(dict)

    def find(self, kind: type[T]) -> T | None:
        """Give the section of a class, None when it was not set or could not be made."""
        return next((each for each in self.sections.values() if isinstance(each, kind)), None)

    def is_set(self, key: str) -> bool:
        """Tell whether a key was set, in YAML or by a variable, rightly or wrongly."""
        return key in self.reader.origins or not self.reader.is_sound(key)

    def is_sound(self, *keys: str) -> bool:
        """Tell whether nothing is wrong with the keys."""
        return self.reader.is_sound(*keys)

    def refuse(self, key: str, message: str) -> None:
        """Name a fault of a key, where it was set."""
        place = self.reader.origins.get(key, "")
        self.reader.faults.append(Fault(key=key, message=message, place=place))

    def warn(self, key: str, message: str) -> None:
        """Name what works but is hardly meant."""
        place = self.reader.origins.get(key, "")
        self.reader.warnings.append(str(Fault(key=key, message=message, place=place)))

    def change(self, section: str, origin: str, **values: object) -> None:
        """Give fields of a section that were not set the values they have elsewhere."""
        missing = {name: value for name, value in values.items() if value is not None}
        news = {
            name: value for name, value in missing.items() if not self.is_set(f"{section}.{name}")
        }
        if not news:
            return
        self.sections[section] = evolve(self.sections[section], **news)  # type: ignore[misc]  # any attrs class
        self.reader.origins.update({f"{section}.{name}": origin for name in news})

"""Settings that come from environment variables and from `.env`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import Factory, define, frozen
from dotenv import dotenv_values

from tillway.core.secrets import HIDDEN
from tillway.entrypoints.settings.faults import Fault
from tillway.entrypoints.settings.schema import FILE, Field, in_family
from tillway.plugins.setting import Alias, Family, Numbered

LARGEST_SECRET: Final = 64 * 1024
"""Bytes of a file that a `_FILE` variable points to."""

DOTENV: Final = ".env"


def merged_environment(environ: Mapping[str, str], directory: Path) -> Mapping[str, str]:
    """Give the environment, and beneath it what the directory's `.env` sets.

    Nothing of the process changes. `.env` fills in no variable that exists, be it empty.
    """
    file = directory / DOTENV
    if not file.is_file():
        return dict(environ)
    written = dotenv_values(file, interpolate=False, encoding="utf-8")
    return {name: text for name, text in written.items() if text is not None} | dict(environ)


def read_secret_file(path: str) -> str:
    """Read a secret from the file that holds it, without the line break at its end."""
    with Path(path).open(encoding="utf-8") as file:
        text = file.read(LARGEST_SECRET + 1)
    if len(text) > LARGEST_SECRET:
        raise OSError("larger than 64 KiB")
    return text.rstrip("\r\n")


@frozen(kw_only=True)
class Found:
    """What a variable says: its text, None when its file could not be read; and its name."""

    text: str | None
    place: str


@define(kw_only=True)
class Environment:
    """The variables that are set to something; an empty one counts as not set."""

    variables: Mapping[str, str]
    read_file: Callable[[str], str] = read_secret_file
    faults: list[Fault] = Factory(list)
    warnings: list[str] = Factory(list)

    def find(self, key: str, field: Field) -> Found | None:
        """Find what sets a field: its own variable, else an older name of it, with a warning."""
        canonical = field.env(key)
        if canonical is not None:
            found = self._read(key, canonical, field.is_secret)
            if found is not None:
                return found
        for alias in field.setting.aliases:
            found = self._read(key, alias.name, field.is_secret)
            if found is not None:
                return self._renamed(found, alias, canonical)
        return None

    def _renamed(self, found: Found, alias: Alias, canonical: str | None) -> Found:
        self.warnings.append(f"{found.place} is an older name: use {canonical}")
        text = None if found.text is None else alias.adapt(found.text)
        return Found(text=text, place=found.place)

    def numbered(self, key: str, family: Numbered) -> list[Found]:
        """Find the variables with numbers, up to the first that is not set."""
        found: list[Found] = []
        for number in range(1, family.most + 1):
            one = self._read(key, f"{family.prefix}{number}", secret=True)
            if one is None:
                self._warn_of_gap(family, number)
                break
            found.append(one)
        return found

    def _warn_of_gap(self, family: Numbered, gap: int) -> None:
        later = [f"{family.prefix}{number}" for number in range(gap + 1, family.most + 1)]
        ignored = next((n for n in later if n in self.variables or n + FILE in self.variables), "")
        if ignored:
            self.warnings.append(f"{ignored} is ignored, because {family.prefix}{gap} is not set")

    def family(self, family: Family, *, secret_keys: bool) -> Mapping[str, Found]:
        """Find the variables with the family's prefix, by the keys of their entries."""
        return {
            family.key(name.removeprefix(family.prefix)): Found(
                text=text, place=f"{family.prefix}{HIDDEN}" if secret_keys else name
            )
            for name, text in sorted(self.variables.items())
            if in_family(family, name)
        }

    def _read(self, key: str, name: str, secret: bool) -> Found | None:
        text, file = self.variables.get(name), self.variables.get(name + FILE) if secret else None
        if text is not None and file is not None:
            self._refuse(key, f"is set by both {name} and {name}{FILE}: use one", name)
            return Found(text=None, place=name)
        if file is not None:
            return self._read_file(key, name + FILE, file)
        return None if text is None else Found(text=text, place=name)

    def _read_file(self, key: str, name: str, path: str) -> Found:
        try:
            text = self.read_file(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text, or too large"
            self._refuse(key, f"cannot be read from {path}: {reason}", name)
            return Found(text=None, place=name)
        if not text.strip():
            self._refuse(key, f"cannot be read from {path}: it is empty", name)
            return Found(text=None, place=name)
        return Found(text=text, place=name)

    def _refuse(self, key: str, message: str, name: str) -> None:
        self.faults.append(Fault(key=key, message=message, place=name))

"""From YAML and the environment to typed settings: defaults, then YAML, then variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from attrs import field, frozen

from tillway.entrypoints.settings.across import check_across
from tillway.entrypoints.settings.derive import derive
from tillway.entrypoints.settings.document import LARGEST, read_document
from tillway.entrypoints.settings.draft import Draft
from tillway.entrypoints.settings.environment import (
    Environment,
    merged_environment,
    read_secret_file,
)
from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.entrypoints.settings.leaves import place_of
from tillway.entrypoints.settings.names import unread_variables
from tillway.entrypoints.settings.nodes import Block, is_null
from tillway.entrypoints.settings.reading import Reader, Spot
from tillway.entrypoints.settings.scalars import did_you_mean
from tillway.entrypoints.settings.schema import fields_of, in_force, is_set_by
from tillway.entrypoints.settings.sections import BUILT_IN
from tillway.plugins.rules import distinct, each, not_blank
from tillway.plugins.setting import setting
from tillway.plugins.settings.storage import StorageSettings

T = TypeVar("T")


@frozen(kw_only=True)
class TopLevel:
    """What stands beside the sections."""

    plugins: tuple[str, ...] = setting(
        default=(),
        env="TILLWAY_PLUGINS",
        rules=(each(not_blank), distinct),
        doc="Plugins to load by name, beside the rails whose section is set and the store of "
        "`storage.backend`.",
    )


_BESIDE: Final = tuple(field.name for field in fields_of(TopLevel))


@frozen(kw_only=True)
class Settings:
    """Valid settings.

    `sections` holds an instance of each section's class, by name; a rail whose section was not
    set has none. `origins` tells where each key that was set stood: `yaml line 12`, a variable's
    name, or the key whose value it took. `not_in_force` are keys that were set although nothing
    uses them yet.
    """

    plugins: tuple[str, ...] = ()
    sections: Mapping[str, object]
    origins: Mapping[str, str] = field(factory=dict)
    not_in_force: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def section(self, kind: type[T]) -> T:
        """Give the section of a class; LookupError when it is not set."""
        found = self.find(kind)
        if found is None:
            raise LookupError(f"no section is set for {kind.__name__}")
        return found

    def find(self, kind: type[T]) -> T | None:
        """Give the section of a class, None when it is not set."""
        return next((each for each in self.sections.values() if isinstance(each, kind)), None)


@frozen(kw_only=True)
class Source:
    """What settings are made of: a YAML text, and the variables over it."""

    yaml: str = ""
    environ: Mapping[str, str] = field(factory=dict)
    read_file: Callable[[str], str] = read_secret_file
    """Reads the file that a `_FILE` variable points to."""


def read_source(
    path: Path | str | None,
    environ: Mapping[str, str] | None = None,
    directory: Path | str | None = None,
) -> Source:
    """Read a settings file, and the `.env` of a directory (the working one) under the variables.

    Without a path, or with an empty one, there is no file. SettingsError when it cannot be read.
    """
    here = Path.cwd() if directory is None else Path(directory)
    variables = merged_environment(os.environ if environ is None else environ, here)
    return Source(yaml=read_file_text(path) if path else "", environ=variables)


def read_file_text(path: Path | str) -> str:
    """Read a file of settings, or of some of them; SettingsError when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
        return raw.decode("utf-8-sig")
    except OSError as error:
        message = f"the settings file {path} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        message = f"the settings file {path} is not UTF-8 text"
    raise SettingsError([Fault(key="", message=message)])


def load(sections: Mapping[str, type], source: Source) -> Settings:
    """Make typed settings of the sections; SettingsError names every fault.

    `sections` maps a section's name to the attrs class that declares it. A class with `WHEN_SET`
    is left out, required keys and all, unless something in it is set.
    """
    draft = make_draft(sections, source)
    if draft.reader.faults:
        raise SettingsError(draft.reader.faults)
    return settled(draft)


def settled(draft: Draft) -> Settings:
    """Give what a draft without faults holds."""
    return Settings(
        plugins=draft.plugins,
        sections=dict(draft.sections),
        origins=dict(draft.reader.origins),
        not_in_force=tuple(draft.reader.idle),
        warnings=tuple(draft.reader.warnings),
    )


def make_draft(sections: Mapping[str, type], source: Source) -> Draft:
    """Read everything, and gather what is wrong instead of raising it."""
    root, faults = read_document(source.yaml)
    draft = Draft(reader=_reader(source))
    draft.reader.faults += faults
    if root is None:
        return draft
    _refuse_unknown_sections(draft, sections, root)
    draft.plugins = _top_level(draft.reader, root).plugins
    for name, kind in sections.items():
        if _is_wanted(draft.reader, name, kind, root):
            node = root.entries.get(name)
            made = draft.reader.block(kind, Spot(key=name, node=node, used=in_force(kind)))
            draft.sections.update({} if made is None else {name: made})
    draft.reader.warnings += unread_variables(sections, draft.reader.environment.variables)
    derive(draft)
    check_across(draft)
    return draft


def _reader(source: Source) -> Reader:
    environment = Environment(
        variables={name: text for name, text in source.environ.items() if text.strip()},
        read_file=source.read_file,
    )
    return Reader(environment=environment, faults=environment.faults, warnings=environment.warnings)


def _top_level(reader: Reader, root: Block) -> TopLevel:
    beside = {name: node for name, node in root.entries.items() if name in _BESIDE}
    top: TopLevel = reader.block(TopLevel, Spot(key="", node=Block(entries=beside, line=1)))
    return top


def _is_wanted(reader: Reader, name: str, kind: type, root: Block) -> bool:
    """Tell whether a section is to be read: a rail's only if something in it is set."""
    if not getattr(kind, "WHEN_SET", False) or not is_null(root.entries.get(name)):
        return True
    return is_set_by(kind, name, reader.environment.variables)


def _refuse_unknown_sections(draft: Draft, sections: Mapping[str, type], root: Block) -> None:
    known = (*sections, *_BESIDE)
    for name, node in root.entries.items():
        if name not in known:
            hint = did_you_mean(name, known) or " (a plugin's section needs its name in plugins)"
            fault = Fault(key=name[:60], message=f"is no section{hint}", place=place_of(node))
            draft.reader.faults.append(fault)


@frozen(kw_only=True)
class Glance:
    """What must be known before plugins are loaded, and with them the classes of sections.

    `rails` are the sections with `WHEN_SET` in which something is set.
    """

    plugins: tuple[str, ...]
    backend: str
    rails: tuple[str, ...]


def glance(source: Source, sections: Mapping[str, type] = BUILT_IN) -> Glance:
    """Look which plugins settings ask for. Passes over faults, which `load` will name."""
    root = read_document(source.yaml)[0] or Block(entries={}, line=1)
    reader = _reader(source)
    storage: StorageSettings = reader.block(
        StorageSettings, Spot(key="storage", node=root.entries.get("storage"))
    )
    rails = {name: kind for name, kind in sections.items() if getattr(kind, "WHEN_SET", False)}
    return Glance(
        plugins=_top_level(reader, root).plugins,
        backend=storage.backend,
        rails=tuple(name for name in rails if _is_wanted(reader, name, rails[name], root)),
    )

"""What `tillway config check` tells: faults, warnings, and the values in effect."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.entrypoints.settings.loading import make_draft, read_source
from tillway.entrypoints.settings.sections import BUILT_IN
from tillway.entrypoints.settings.showing import Effective, effective_values


@frozen(kw_only=True)
class Report:
    """All that is to be said of a configuration.

    `values` has every key of the sections that could be read, with secrets hidden; where `faults`
    name a key, its value is a default.
    """

    ok: bool
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
    not_in_force: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    values: tuple[Effective, ...] = ()


def check(
    path: Path | str | None,
    *,
    sections: Mapping[str, type] = BUILT_IN,
    environ: Mapping[str, str] | None = None,
    directory: Path | str | None = None,
) -> Report:
    """Check a settings file together with the environment. Never raises for what is in them."""
    try:
        draft = make_draft(sections, read_source(path, environ, directory))
    except SettingsError as error:
        return Report(ok=False, faults=error.faults)
    return Report(
        ok=not draft.reader.faults,
        faults=tuple(draft.reader.faults),
        warnings=tuple(draft.reader.warnings),
        not_in_force=tuple(draft.reader.idle),
        plugins=draft.plugins,
        values=effective_values(draft.sections, draft.reader.origins),
    )

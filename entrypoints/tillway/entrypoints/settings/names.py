"""Variables that look like settings and are none."""

from collections.abc import Iterator, Mapping
from typing import Final

from tillway.entrypoints.settings.scalars import did_you_mean
from tillway.entrypoints.settings.schema import PREFIX, leaves, variables_of

_CEDROS: Final = "CEDROS_"
_SECRET_NAMES: Final = "CEDROS_API_KEY_"  # noqa: S105 - these names hold keys, so none is shown
_LIKENESS: Final = 0.9
_UNREAD: Final = {
    "SCHEMA_MAPPING_FILE": "use storage.schema_mapping",
    "CEDROS_ADMIN_PUBLIC_KEY_": "administrators have no keys yet",
}
"""Variables of Cedros' documents that its server does not read either."""


def unread_variables(sections: Mapping[str, type], variables: Mapping[str, str]) -> list[str]:
    """Warn of variables that are almost settings: mistyped ones, and Cedros' unwired ones."""
    return [*_unwired(variables), *_mistyped(sections, variables)]


def _unwired(variables: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(variables):
        reason = next((text for start, text in _UNREAD.items() if name.startswith(start)), None)
        if reason is not None:
            yield f"{name} is not read: {reason}"


def _mistyped(sections: Mapping[str, type], variables: Mapping[str, str]) -> Iterator[str]:
    known = tuple(
        name
        for section, kind in sections.items()
        for key, field in leaves(kind, section)
        for name in variables_of(key, field)
    )
    ours = [name for name in variables if name.startswith((PREFIX, _CEDROS))]
    for name in sorted(ours):
        hint = did_you_mean(name, known, _LIKENESS)
        if hint and name not in known and not name.startswith(_SECRET_NAMES):
            yield f"{name} is not read{hint}"

"""Which Tillway this is: its version, the commit it was built from, and when.

A wheel carries a small file that `hatch_build.py` writes. An editable install and a source tree
ask git's own files instead, if there are any.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final

from attrs import frozen

RECORD: Final = "build.toml"
"""The file beside this module that a build leaves."""

UNKNOWN: Final = "unknown"


@frozen(kw_only=True)
class Build:
    """What is known of a build; ``unknown`` where nothing is."""

    version: str
    commit: str = UNKNOWN
    built_at: str = UNKNOWN


@cache
def version() -> str:
    """Give the version."""
    return build().version


@cache
def build() -> Build:
    """Give all that is known of what is running."""
    here = Path(__file__).resolve().parent
    return build_of(here, _source_tree(here))


def build_of(package: Path, tree: Path | None) -> Build:
    """Give what a package's folder says of itself, and else the source tree that it lies in."""
    record = package / RECORD
    if record.is_file():
        return Build(**_table(record))
    return Build(version=_version(tree), commit=_commit(tree / ".git") if tree else UNKNOWN)


def _version(tree: Path | None) -> str:
    try:
        return installed_version("tillway")
    except PackageNotFoundError:
        table = _table(tree / "pyproject.toml") if tree else {}
        return str(table.get("project", {}).get("version", UNKNOWN))


def _source_tree(package: Path) -> Path | None:
    """Give the root of the source tree, or None in an installed package.

    Somebody else's repository around a virtual environment is not ours.
    """
    root = package.parents[2]
    ours = package == root / "entrypoints" / "tillway" / "entrypoints"
    return root if ours and (root / "pyproject.toml").is_file() else None


def _commit(git: Path) -> str:
    """Read what git's HEAD stands at, without git: a linked work tree has a file that points."""
    try:
        if git.is_file():
            git = git.parent / git.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref:"):
            return head
        return _reference(git, head.removeprefix("ref:").strip())
    except OSError:
        return UNKNOWN


def _reference(git: Path, name: str) -> str:
    shared = git / "commondir"
    folders = [git, git / shared.read_text("utf-8").strip()] if shared.is_file() else [git]
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).read_text("utf-8").strip()
    return next((found for folder in folders if (found := _packed(folder, name))), UNKNOWN)


def _packed(git: Path, name: str) -> str | None:
    packed = git / "packed-refs"
    lines = packed.read_text("utf-8").splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)


def _table(file: Path) -> Mapping[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))

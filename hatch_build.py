"""Leaves in each build what it was made of: version, commit and time.

The commit is TILLWAY_COMMIT, else what git says. The time is SOURCE_DATE_EPOCH, for builds that
are to come out the same again, else the present. A build from a source distribution keeps what
that one says.
"""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RECORD: Final = "build.toml"
INSTALLED: Final = f"tillway/entrypoints/{RECORD}"
IN_TREE: Final = f"entrypoints/{INSTALLED}"
UNKNOWN: Final = "unknown"


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds the record to wheels and source distributions. Editable installs need none."""

    PLUGIN_NAME = "custom"
    _folder = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the record and have it included; the source tree stays as it is."""
        if version == "editable" or Path(self.root, IN_TREE).is_file():
            return
        self._folder = mkdtemp(prefix="tillway-build-")
        record = Path(self._folder, RECORD)
        record.write_text(self._record(), "utf-8")
        place = IN_TREE if self.target_name == "sdist" else INSTALLED
        build_data["force_include"][str(record)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the record again."""
        if self._folder:
            rmtree(self._folder)

    def _record(self) -> str:
        facts = {
            "version": self.metadata.version,
            "commit": os.environ.get("TILLWAY_COMMIT") or _commit(self.root),
            "built_at": _time(),
        }
        return "".join(f'{name} = "{fact}"\n' for name, fact in facts.items())


def _commit(root: str) -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],  # noqa: S607 - whichever git builds use
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return done.stdout.strip()


def _time() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    at = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")

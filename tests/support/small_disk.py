"""A disk that is soon full: a small tmpfs, where the tests may mount one."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from attrs import frozen

_BLOCK = 4096
_QUIET, _MOMENT = 5, 0.1


@frozen
class Disk:
    """A folder with a disk of its own."""

    folder: Path

    def fill(self) -> None:
        """Leave no room at all, nor what others give up in the next moments."""
        quiet = 0
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            while quiet < _QUIET:
                quiet = 0 if _filled(filler) else quiet + 1
                time.sleep(_MOMENT)

    def free(self) -> None:
        """Make room again."""
        (self.folder / "filler").unlink()


def _filled(filler: BinaryIO) -> int:
    """Write all that there is room for, and tell how many blocks."""
    blocks = 0
    try:
        while filler.write(b"\0" * _BLOCK):
            blocks += 1
    except OSError:
        return blocks
    return blocks


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """Mount one; the test is skipped, with the reason, where that is not allowed."""
    # Not in the test's own folder: what a killed test leaves there would be in pytest's way.
    folder = Path(tempfile.mkdtemp(prefix="tillway-disk-"))
    try:
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
        try:
            subprocess.run(["mount", *options], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small disk can be mounted by root only: run these tests as root")
        try:
            folder.chmod(0o755)
            yield Disk(folder)
        finally:
            # Lazily, since a test that failed may have left a file open.
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()

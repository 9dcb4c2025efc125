"""A disk that is soon full: a small tmpfs, where the tests may mount one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

_BLOCK = 4096


@frozen
class Disk:
    """A folder with a disk of its own."""

    folder: Path

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while filler.write(b"\0" * _BLOCK):
                    pass
            except OSError:
                return

    def free(self) -> None:
        """Make room again."""
        (self.folder / "filler").unlink()


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

"""A parent replaces children that die, and not without end."""

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from support import restless
from support.children import eventually
from support.command import environment
from tillway.entrypoints.processes.children import LONGEST_WAIT, pause_after


class TestPauses:
    def test_they_grow_and_are_bounded(self) -> None:
        """None at first, for a child that had lived; then longer with every young death."""
        pauses = [pause_after(young) for young in range(10_000)]
        assert pauses[0] == 0
        assert pauses[1] > 0
        assert all(one <= next_one for one, next_one in pairwise(pauses))
        assert pauses[-1] == LONGEST_WAIT


class TestRestlessChildren:
    def test_they_do_not_keep_the_machine_busy(self, tmp_path: Path) -> None:
        """In two seconds a handful are born, each reported and buried."""
        log = tmp_path / "output"
        with log.open("wb") as output:
            parent = subprocess.Popen(
                [sys.executable, restless.__file__],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
        try:
            assert eventually(lambda: "left with 3" in log.read_text()), log.read_text()
            time.sleep(2)
            assert parent.poll() is None
            parent.terminate()
            assert parent.wait(20) == 0
        finally:
            parent.kill()
        said = log.read_text().splitlines()
        reports = [line for line in said if "left with 3; another one starts in" in line]
        assert 2 <= len(reports) <= 6
        assert len([line for line in said if line.startswith("buried")]) == len(reports) + 1

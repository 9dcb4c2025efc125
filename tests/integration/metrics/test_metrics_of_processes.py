"""Processes that share a folder are scraped as one."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families

TESTS = Path(__file__).parents[2]


@frozen
class Child:
    """A process that has counted."""

    process: "subprocess.Popen[str]"

    def values(self) -> Mapping[str, float]:
        """Expose, as this process sees all of them; samples by name."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("expose\n")
        self.process.stdin.flush()
        lines = iter(self.process.stdout.readline, "end\n")
        families = text_string_to_metric_families("".join(lines))
        return {sample.name: sample.value for family in families for sample in family.samples}

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def counting(folder: Path, times: int) -> Iterator[Child]:
    """Run a process that counts that often."""
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-m", "support.metrics_child", str(times)],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield Child(process)
        finally:
            process.kill()


class TestSharing:
    def test_whichever_is_asked_adds_up_all_the_dead_included(self, tmp_path: Path) -> None:
        """Counters and histograms survive a process that is killed, and its successor's start."""
        with counting(tmp_path, 3) as first, counting(tmp_path, 4) as second:
            for child in (first, second):
                assert child.values()["cedros_payments_total"] == 7
                assert child.values()["cedros_db_query_duration_seconds_count"] == 7
            first.kill()
            assert second.values()["cedros_payments_total"] == 7
            with counting(tmp_path, 5) as third:
                assert third.values()["cedros_payments_total"] == 12
                assert second.values()["cedros_payments_total"] == 12

    def test_two_folders_are_two_servers(self, tmp_path: Path) -> None:
        """Nothing is added across them."""
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        with counting(tmp_path / "a", 3) as first, counting(tmp_path / "b", 4) as second:
            assert first.values()["cedros_payments_total"] == 3
            assert second.values()["cedros_payments_total"] == 4

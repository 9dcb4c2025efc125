"""Choosing benchmarks, reading what their children say, and stopping them."""

import os
import sys
from pathlib import Path

import pytest

from bench.buyers import Paid
from bench.child import Broke, module, running
from bench.gateway import port_in
from bench.payments import OFFICIAL, Result, aims_of
from bench.runner import SUBJECTS, main
from bench.startup import import_times

TOLD = """import time: self [us] | cumulative | imported package
import time:       100 |        100 |   _io
import time:       250 |        350 | aiohttp.web
import time:        50 |         50 |   aiohttp.client
import time:        30 |         30 |     tillway.core.money
import time:        20 |        400 | tillway.entrypoints.cli.serve
tillway: this line is the program's own
"""


def result(who: str, at_once: int, rate: float) -> Result:
    """Give a measurement of so many payments a second."""
    paid = Paid(
        count=1, rate=rate, latency=None, cpu={}, others=0, refused=0, reasons=(), exhausted=False
    )
    return Result(who, at_once, 1.0, paid)


class TestRunner:
    def test_every_subject_is_a_module(self) -> None:
        """A name that cannot be run is worse than none."""
        folder = Path(sys.modules["bench.runner"].__file__ or "").parent
        assert all((folder / f"{name}.py").exists() for name in SUBJECTS)

    @pytest.mark.parametrize("words", [["nothing"], ["--seconds", "0"], ["--seconds", "61"]])
    def test_what_cannot_be_run_is_refused(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With exit code 2 and one line that says why."""
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 2
        assert "error:" in capsys.readouterr().err

    def test_the_quickest_one_runs(self, capsys: pytest.CaptureFixture[str]) -> None:
        """From arguments to the printed aims."""
        main(["check", "--seconds", "0.01"])
        printed = capsys.readouterr().out
        assert "solders" in printed
        assert "All aims" in printed


class TestAims:
    def test_shares_are_of_the_floor(self) -> None:
        """The floor of 50 at once is 90.9 a second, nine tenths of it 81.8."""
        assert [aim.met for aim in aims_of([result("file", 50, 81.9)])] == [True]
        assert [aim.met for aim in aims_of([result("file", 50, 81.7)])] == [False]

    def test_two_hundred_at_once_are_held_to_a_rate(self) -> None:
        """Where the machine, and not the network, is the limit."""
        assert [aim.met for aim in aims_of([result("memory", 200, 300)])] == [True]
        assert [aim.met for aim in aims_of([result("memory", 200, 299)])] == [False]

    def test_others_are_not_held_to_ours(self) -> None:
        """They are there to be compared with."""
        assert not list(aims_of([result(OFFICIAL, 50, 1), result("file", 1, 1)]))


class TestChildren:
    def test_a_child_is_heard_and_stopped(self, tmp_path: Path) -> None:
        """By its own id, when the block ends."""
        script = "import time; print('{\"a\": 1}', flush=True); time.sleep(60)"
        with running([sys.executable, "-c", script], tmp_path, "child") as child:
            assert child.hear() == {"a": 1}
            process = child.pid
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)

    def test_a_child_that_leaves_is_an_error_with_its_words(self, tmp_path: Path) -> None:
        """Otherwise a missing library would look like a hang."""
        script = "import sys; sys.exit('no such thing')"
        with (
            running([sys.executable, "-c", script], tmp_path, "child") as child,
            pytest.raises(Broke, match="no such thing"),
        ):
            child.hear()

    def test_a_child_that_hangs_is_given_up(self, tmp_path: Path) -> None:
        """After the time that it was given."""
        with (
            running([sys.executable, "-c", "input()"], tmp_path, "child") as child,
            pytest.raises(Broke),
        ):
            child.hear(0.2)

    def test_modules_run_in_this_interpreter(self) -> None:
        """With arguments as text."""
        assert module("bench.chain", 50, 400) == [sys.executable, "-m", "bench.chain", "50", "400"]

    def test_the_gateways_line_names_its_port(self) -> None:
        """Any other line is an error."""
        assert port_in("Tillway 0.1.0 listens on http://127.0.0.1:4711\n") == 4711
        with pytest.raises(Broke, match="oops"):
            port_in("oops")


class TestImports:
    def test_time_is_added_up_by_package(self) -> None:
        """Our slices count apart, the standard library as one."""
        assert import_times(TOLD) == {
            "the standard library": 100,
            "aiohttp": 300,
            "tillway.core": 30,
            "tillway.entrypoints": 20,
        }

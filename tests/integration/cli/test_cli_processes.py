"""`tillway serve --workers N`: processes that share a port, and their parent."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from e2e.http_call import call
from support.children import AVAILABLE, children_of, eventually, kill, lives
from support.command import LISTENS, Running, running, write_settings
from support.place import Place, open_place

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="children are looked at in /proc")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give a stack of what is to end with the test."""
    with ExitStack() as made:
        yield made


@contextmanager
def serving(folder: Path, workers: int = 2) -> Iterator[Running]:
    """Serve with several processes that log every request."""
    file = write_settings(folder, {"logging": {"level": "info", "format": "json"}})
    arguments = ("serve", "-c", file, "--workers", workers)
    with running(*arguments, folder=folder, until=rf"{LISTENS} with {workers} processes") as made:
        yield made


def answers(started: Running) -> bool:
    """Ask once, on a connection of its own."""
    return call(f"http://127.0.0.1:{started.port}/paywall/v1/products").status == 200


def answerers(started: Running) -> set[int]:
    """Give the pids of the processes that have answered so far."""
    entries = [json.loads(line) for line in started.said().splitlines() if line.startswith("{")]
    return {entry["pid"] for entry in entries if entry.get("route")}


class TestSharing:
    def test_all_processes_answer(self, tmp_path: Path) -> None:
        """The system spreads connections over them, and one store serves all."""
        with serving(tmp_path) as started:
            children = children_of(started.process.pid)
            assert len(children) == 2

            def all_have_answered() -> bool:
                assert answers(started)
                return answerers(started) == children

            assert eventually(all_have_answered)


class TestKeepingAlive:
    def test_one_that_dies_is_replaced(self, tmp_path: Path) -> None:
        """The others go on meanwhile, and the log tells of it."""
        with serving(tmp_path) as started:
            before = children_of(started.process.pid)
            kill(min(before))
            assert eventually(lambda: len(children_of(started.process.pid) - before) == 1)
            assert eventually(lambda: answers(started))
            assert f"process {min(before)} left by signal 9" in started.said()
            (born,) = children_of(started.process.pid) - before

            def the_new_one_answers() -> bool:
                return answers(started) and born in answerers(started)

            assert eventually(the_new_one_answers)


class TestOutages:
    def test_what_runs_survives_them(self, tmp_path: Path, stack: ExitStack) -> None:
        """A node that answered at the start may go: even processes born meanwhile begin."""
        (tmp_path / "place").mkdir()
        with open_place(tmp_path / "place") as place:
            key = {"X402_SERVER_WALLET_1": place.wallet}
            arguments = ("serve", "-c", place.settings(tmp_path), "--workers", 2)
            started = stack.enter_context(
                running(*arguments, folder=tmp_path, until=LISTENS, **key)
            )
        before = children_of(started.process.pid)
        kill(min(before))
        assert eventually(lambda: len(children_of(started.process.pid) - before) == 1)
        assert eventually(lambda: answers(started))
        health = call(f"http://127.0.0.1:{started.port}/cedros-health").json()
        assert health["rpcHealthy"] is False
        assert call(f"http://127.0.0.1:{started.port}/healthz/ready").status == 503


class TestMetrics:
    def test_they_are_summed_over_all_processes(self, tmp_path: Path, place: Place) -> None:
        """Whichever is asked; what a dead one has counted is not lost."""
        file = place.settings(tmp_path)
        arguments = ("serve", "-c", file, "--workers", 2)
        key = {"X402_SERVER_WALLET_1": place.wallet}
        with running(*arguments, folder=tmp_path, until=LISTENS, **key) as started:
            before = children_of(started.process.pid)
            quoted(started, 20)
            assert eventually(lambda: quotes(started) == 20)
            kill(min(before))
            assert eventually(lambda: len(children_of(started.process.pid) - before) == 1)
            assert eventually(lambda: _is_up(started))
            quoted(started, 10)
            assert eventually(lambda: quotes(started) == 30)


def quoted(started: Running, times: int) -> None:
    """Quote so many times, each on a connection of its own."""
    for _ in range(times):
        asked = call(f"http://127.0.0.1:{started.port}/paywall/v1/quote", {"resource": "mug"})
        assert asked.status == 402, asked.content


def quotes(started: Running) -> float:
    """Give how many quotes whichever process answers knows of; it may be a second behind."""
    exposed = call(f"http://127.0.0.1:{started.port}/metrics")
    assert exposed.status == 200
    for line in exposed.content.decode().splitlines():
        if line.startswith("cedros_payments_total{") and 'method="quote"' in line:
            return float(line.rpartition(" ")[2])
    return 0.0


def _is_up(started: Running) -> bool:
    try:
        return quotes(started) == 20
    except OSError:  # it went to the one that was killed
        return False


class TestLeaving:
    def test_all_leave_when_the_parent_is_told(self, tmp_path: Path) -> None:
        """With exit code 0, and nothing is left behind."""
        with serving(tmp_path) as started:
            children = children_of(started.process.pid)
            assert started.stop() == 0
            assert not any(lives(child) for child in children)
            assert "Traceback" not in started.said()

    def test_an_interrupt_at_the_keyboard_reaches_all(self, tmp_path: Path) -> None:
        """It is sent to parent and children alike, and is no reason to hurry."""
        with serving(tmp_path) as started:
            for pid in [*children_of(started.process.pid), started.process.pid]:
                os.kill(pid, signal.SIGINT)
            assert started.process.wait(20) == 0

    def test_children_do_not_outlive_their_parent(self, tmp_path: Path) -> None:
        """Even one that was killed."""
        with serving(tmp_path) as started:
            children = children_of(started.process.pid)
            kill(started.process.pid)
            assert eventually(lambda: not any(lives(child) for child in children))

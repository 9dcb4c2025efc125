"""CPU time and memory, read from outside a process."""

import os
import subprocess
import sys
import time

import pytest

from bench.clocks import Meter, busy_seconds, cpu_seconds, resident_bytes, seconds_in

BURN = """
import time
end = time.process_time() + {seconds}
print(flush=True)
while time.process_time() < end: pass
"""
THREADS = """
import threading, time
def burn():
    end = time.thread_time() + {seconds}
    while time.thread_time() < end: pass
threads = [threading.Thread(target=burn) for _ in range(2)]
[each.start() for each in threads]; [each.join() for each in threads]
print(flush=True); input()
"""


class TestCpu:
    def test_this_process_agrees_with_its_own_clock(self) -> None:
        """The same scheduler's account, by two ways."""
        before = time.process_time()
        found = cpu_seconds(os.getpid())
        assert before <= found + 0.02
        assert found <= time.process_time() + 0.02

    def test_it_grows_by_what_is_burnt(self) -> None:
        """And not by what is slept."""
        process, before = os.getpid(), cpu_seconds(os.getpid())
        time.sleep(0.2)
        slept = cpu_seconds(process) - before
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        burnt = cpu_seconds(process) - before - slept
        assert slept < 0.1
        assert 0.08 < burnt < 0.5

    def test_threads_that_have_ended_count(self) -> None:
        """A store's threads come and go, and what they cost is its process's cost."""
        script = THREADS.format(seconds=0.1)
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            assert cpu_seconds(child.pid) >= 0.19
            child.communicate(b"\n")

    def test_a_process_that_is_gone_has_none(self) -> None:
        """Rather than a zero that looks like a measurement."""
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        with pytest.raises(ProcessLookupError):
            cpu_seconds(child.pid)

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("0:01.25", 1.25), ("12:34", 754), ("01:02:03", 3723), ("2-01:00:00", 176_400)],
    )
    def test_what_ps_writes_is_read(self, text: str, seconds: float) -> None:
        """Days, hours and fractions are there when they are needed."""
        assert seconds_in(text) == seconds


class TestMachine:
    def test_idle_waiting_and_guests_do_not_count(self) -> None:
        """A guest's time is within user time already (proc(5))."""
        table = "cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 50 10 15 2000 250 3 4 4 45 5\n"
        ticks = os.sysconf("SC_CLK_TCK")
        assert busy_seconds(table) == (100 + 20 + 30 + 6 + 7 + 8) / ticks


class TestMeter:
    def test_each_process_has_its_own_account(self) -> None:
        """What a child burns is its own, and `here` is this process."""
        with subprocess.Popen(
            [sys.executable, "-c", BURN.format(seconds=0.2)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            meter = Meter({"child": child.pid})
            time.sleep(0.15)
            spent = meter.spent()
            child.communicate()
        assert set(spent) == {"child", "here"}
        assert 0.01 < spent["child"] <= 0.3
        assert 0 <= spent["here"] < 0.15

    def test_what_others_use_is_never_negative(self) -> None:
        """The machine's account is in hundredths of a second, a process's is finer."""
        meter = Meter({})
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        assert meter.others() >= 0


class TestMemory:
    def test_it_is_in_bytes(self) -> None:
        """An interpreter needs some megabytes and no gigabytes."""
        assert 5 * 2**20 < resident_bytes(os.getpid()) < 4 * 2**30

    def test_a_process_that_is_gone_has_none(self) -> None:
        """It raises, and says which."""
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        with pytest.raises(ProcessLookupError):
            resident_bytes(child.pid)

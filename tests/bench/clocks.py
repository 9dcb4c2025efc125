"""What a process costs: its CPU time and its memory, read from outside by its id."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_ALL_THREADS: Final = 2
"""The kind of a process's CPU clock that counts what the scheduler gave (CPUCLOCK_SCHED)."""


def cpu_seconds(process: int) -> float:
    """Give the CPU time of all threads that a process ever had, its children's left out.

    On Linux by the process's own clock (`clock_getcpuclockid`), in nanoseconds; elsewhere
    as `ps` tells it, in hundredths of a second. Raises ProcessLookupError if it is gone.
    """
    if sys.platform != "linux":
        return seconds_in(_told(process, "time"))
    try:
        return time.clock_gettime((~process << 3) | _ALL_THREADS)
    except OSError as error:
        raise ProcessLookupError(process) from error


def resident_bytes(process: int) -> int:
    """Give the memory of a process that is in RAM, shared pages included."""
    return int(_told(process, "rss")) * 1024


def seconds_in(text: str) -> float:
    """Read a time as `ps` writes it: ``[[days-]hours:]minutes:seconds``."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + int(days or 0) * 86_400


def _told(process: int, what: str) -> str:
    done = subprocess.run(
        ["ps", "-o", f"{what}=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    if done.returncode or not done.stdout.strip():
        raise ProcessLookupError(process)
    return done.stdout.strip()


def busy_seconds(table: str) -> float:
    """Read from `/proc/stat` how long all cores together have been busy.

    Of its first line, idle and waiting time are left out, and guests' time, which is counted
    as user time already (proc(5)).
    """
    user, nice, system, _, _, irq, softirq, steal = table.split("\n", 1)[0].split()[1:9]
    ticks = sum(int(part) for part in (user, nice, system, irq, softirq, steal))
    return ticks / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """Give how long all cores together have been busy; 0 where nobody tells."""
    table = Path("/proc/stat")
    return busy_seconds(table.read_text()) if table.exists() else 0.0


class Meter:
    """CPU seconds of named processes, and of this one as ``here``, since it was made."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {**processes, "here": os.getpid()}
        self._began = self._read()
        self._machine = machine_seconds()

    def spent(self) -> dict[str, float]:
        """Give what each has used up by now."""
        return {name: now - self._began[name] for name, now in self._read().items()}

    def others(self) -> float:
        """Give what everybody else on the machine has used up by now, as far as that is known."""
        busy = machine_seconds() - self._machine
        return max(0.0, busy - sum(self.spent().values()))

    def _read(self) -> dict[str, float]:
        return {name: cpu_seconds(process) for name, process in self._processes.items()}

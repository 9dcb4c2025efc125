"""Looking at processes from outside, as Linux shows them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PATIENCE: Final = 20.0  # seconds
_PROC: Final = Path("/proc")

AVAILABLE: Final = (_PROC / "self" / "task").is_dir()


def children_of(pid: int) -> frozenset[int]:
    """Give the pids of a process's children."""
    text = (_PROC / str(pid) / "task" / str(pid) / "children").read_text()
    return frozenset(map(int, text.split()))


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be buried does not."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def memory_of(pid: int) -> int:
    """Give the resident memory in bytes."""
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_of(pid: int) -> float:
    """Give the seconds of processor time that it has used."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill(pid: int) -> None:
    """Kill it as a crash would."""
    os.kill(pid, signal.SIGKILL)


def eventually(holds: Callable[[], bool]) -> bool:
    """Tell whether something becomes true within a time that a busy machine may need."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return holds()

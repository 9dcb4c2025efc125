"""Metrics of several processes, in files that whichever of them is asked adds up."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Final

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is imported, which must be after this has been set."""


@contextmanager
def shared_metrics() -> Iterator[Callable[[int], None]]:
    """Have the processes that are forked meanwhile share their metrics; remove them afterwards.

    Gives what is to be called with the pid of each that has died: what it counted stays, what
    only the living have goes.
    """
    before = os.environ.get(VARIABLE)
    with TemporaryDirectory(prefix="tillway-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[VARIABLE] = folder
        try:
            yield lambda pid: _forget(folder, pid)
        finally:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before


def _forget(folder: str, pid: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # it has no types

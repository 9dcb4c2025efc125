"""Migrate SQLite databases and die before one statement of each: ``FOLDER/<statement>.db``.

Says how many statements there are. Without limits this takes a moment only, since it forks.
"""

import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path

from support.migrator import at_call
from tillway.adapters.stores.sqlite.faults import Patience
from tillway.adapters.stores.sqlite.schema import prepare


def _migrate(database: Path, calls: int) -> None:
    at_call(calls, lambda: os.kill(os.getpid(), signal.SIGKILL))
    work = threading.Thread(target=prepare, args=(database, Patience(seconds=1)), kwargs=_KEYWORDS)
    work.start()
    work.join()


_KEYWORDS = {"migrates": True}


def _died(database: Path, calls: int) -> bool:
    child = os.fork()
    if child == 0:
        _migrate(database, calls)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(folder: str) -> None:
    """Die once before every statement."""
    print(next(n - 1 for n in count(1) if not _died(Path(folder) / f"{n}.db", n)))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A parent whose children, but for the first, die as soon as they work: run as a program."""

import logging
import signal
import sys

from tillway.entrypoints.processes.children import Birth, Parent


def live(birth: Birth) -> int:
    """Stay if it is the first, else leave with exit code 3."""
    birth.ready()
    if birth.first:
        signal.sigwait({signal.SIGTERM})
    return 0 if birth.first else 3


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    parent = Parent(
        count=2,
        work=live,
        on_all=lambda: print("all work", flush=True),
        on_death=lambda pid: print("buried", pid, flush=True),
    )
    sys.exit(parent.run())

"""Start and lead the processes of ``store_child`` and ``store_fork``, and check what they leave."""

import asyncio
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tillway.core.contracts.lives.processes import begin, lines
from tillway.core.contracts.samples import event, key_of
from tillway.core.payments import State
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT

__all__ = ["begin", "check", "forked", "lines", "ready", "started"]

_TESTS = Path(__file__).parents[1]


@asynccontextmanager
async def started(verb: str, place: str, who: str, rounds: int) -> AsyncIterator[Process]:
    """Start a process of ``store_child``; it is killed on leaving, if it still runs."""
    words = ("support.store_child", verb, place, who, str(rounds))
    command = (sys.executable, "-m", *words)
    process = await asyncio.create_subprocess_exec(*command, cwd=_TESTS, stdin=PIPE, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # Reads to the end as well, so that no pipe is left behind.
        await process.communicate()


async def ready(process: Process) -> None:
    """Wait until it can begin."""
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"


def forked(place: str, times: int) -> "subprocess.CompletedProcess[str]":
    """Run ``store_fork`` to its end."""
    command = [sys.executable, "-m", "support.store_fork", place, str(times)]
    return subprocess.run(
        command, cwd=_TESTS, capture_output=True, text=True, timeout=60, check=False
    )


async def check(store: Store, acknowledged: Iterable[str]) -> None:
    """Check that what was acknowledged is there, and that everything there is whole."""
    async with store.view() as view:
        kept = {one.key: one for one in await view.payments.newest(DEFAULT, 10**6)}
        told = {one.id for one in await view.events.newest(DEFAULT, 10**6)}
        worked = (await view.tallies.totals(DEFAULT, ["worked"])).get("worked", 0)
    for line in acknowledged:
        verb, name = line.split()
        stored = kept[key_of(name)]
        assert verb == "claimed" or stored.state is State.SETTLED
        assert (stored.state is State.SETTLED) == (event(name).id in told)
    assert worked == len(kept)
    assert len(told) == sum(one.state is State.SETTLED for one in kept.values())

"""Start and lead the processes of ``store_child``."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_CHILD = Path(__file__).with_name("store_child.py")


@asynccontextmanager
async def started(verb: str, database: Path, who: str, rounds: int) -> AsyncIterator[Process]:
    """Start a process; it is killed on leaving, if it still runs."""
    command = (sys.executable, str(_CHILD), verb, str(database), who, str(rounds))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
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


async def begin(process: Process) -> None:
    """Give the word."""
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()


async def lines(process: Process) -> list[str]:
    """Give what it has said since, once it has ended."""
    assert process.stdout is not None
    said = (await process.stdout.read()).decode()
    await process.wait()
    # A line that a kill cut short was not said.
    return [line for line in said.split("\n")[:-1] if line]

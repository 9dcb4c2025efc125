"""Start and lead processes on a store's place, and kill them."""

import asyncio
import os
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import define, evolve, field, frozen

from tillway.core.contracts.kit.factories import store_named
from tillway.core.ports.store import Store

_CHILD: Final = "tillway.core.contracts.lives.child"
_ENDLESS: Final = 10**9
_LIFE: Final = (0.2, 1.2)
"""The shortest and the longest life, in seconds."""


@frozen(kw_only=True)
class Place:
    """Where a store keeps what it is told, and the name of the factory that opens it."""

    factory: str
    folder: Path

    def opened(self) -> AbstractAsyncContextManager[Store]:
        """Open the store in this process."""
        return store_named(self.factory).opened(self.folder)

    def another(self, name: str) -> "Place":
        """Give another place of this kind, in which nothing is."""
        folder = self.folder.with_name(f"{self.folder.name}-{name}")
        folder.mkdir()
        return evolve(self, folder=folder)

    @asynccontextmanager
    async def child(self, verb: str, who: str, rounds: int = _ENDLESS) -> AsyncIterator[Process]:
        """Start a process that is ready to work; killed on leaving, if it still runs."""
        words = (self.factory, str(self.folder), verb, who, str(rounds))
        known = os.pathsep.join(path for path in sys.path if path)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _CHILD, *words),
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": known},
        )
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n", "a process could not begin"
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            # Reads to the end as well, so that no pipe is left behind.
            await process.communicate()


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


@define(kw_only=True)
class Lives:
    """Lives of processes on one place, each ended by a kill; ``said`` is what they acknowledged.

    They go on until there were ``kills`` and ``operations`` were said, but for no more than
    ``patience`` seconds.
    """

    place: Place
    kills: int
    operations: int
    patience: float = 3600.0
    said: list[str] = field(factory=list, init=False)
    starts: list[float] = field(factory=list, init=False)
    _begun: float = field(factory=time.monotonic, init=False)

    async def lane(self, who: str) -> None:
        """Live one life after the other."""
        while len(self.starts) < self.kills or len(self.said) < self.operations:
            if time.monotonic() - self._begun > self.patience:
                return
            await self._life(f"{who}-{len(self.starts)}")

    async def _life(self, who: str) -> None:
        begun = time.monotonic()
        async with self.place.child("tell", who) as child:
            self.starts.append(time.monotonic() - begun)
            await begin(child)
            await asyncio.sleep(random.uniform(*_LIFE))  # noqa: S311 - no secret
            assert child.returncode is None, "a process ended by itself: see what it has printed"
            child.kill()
            self.said += await lines(child)

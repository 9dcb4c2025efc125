"""Migrations that are interrupted, and several at once, end in one schema."""

import asyncio
import random
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from support import postgres_schema, sqlite_schema
from support.postgres import Databases
from support.postgres_pause import commands, paused_at, paused_inside
from support.store_places import store_at
from tillway.core.contracts.stores.steps import count
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Store

_TESTS = Path(__file__).parents[2]
_MIGRATING = 0x54696C6C


@asynccontextmanager
async def _migrator(place: str) -> AsyncIterator[Process]:
    """Start a process that is ready to migrate; it is killed on leaving, if it still runs."""
    command = (sys.executable, "-m", "support.migrator", place)
    process = await asyncio.create_subprocess_exec(*command, cwd=_TESTS, stdin=PIPE, stdout=PIPE)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _begin(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()


async def _steps(process: Process) -> list[int]:
    """Give the steps that a process says to have taken, once it has ended well."""
    said, _ = await process.communicate()
    assert process.returncode == 0
    return [int(line) for line in said.split()]


async def _started(place: str) -> None:
    store: Store = store_at(place)
    await store.start()
    await store.aclose()


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a place where nothing is yet."""
    if request.param == "sqlite":
        return str(tmp_path / "tillway.db")
    databases: Databases = request.getfixturevalue("postgres")
    return databases.server.url(await databases.fresh(empty=True)).reveal()


class TestAtOnce:
    async def test_of_eight_processes_one_takes_each_step(self, empty: str) -> None:
        """However they share the work, each step is taken once, and all find it done."""
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(_migrator(empty)) for _ in range(8)]
            for process in processes:
                await _begin(process)
            taken = [await _steps(process) for process in processes]
        every = sorted(step for steps in taken for step in steps)
        assert every == [*range(1, len(every) + 1)]
        assert len(every) >= 2
        assert all(steps == sorted(steps) for steps in taken)
        await _started(empty)


class TestSqliteKilled:
    async def test_before_any_statement(self, tmp_path: Path) -> None:
        """What a killed process leaves is one version or another, and the next start goes on."""
        command = [sys.executable, "-m", "support.store_dying", str(tmp_path)]
        ended = await asyncio.to_thread(
            subprocess.run, command, cwd=_TESTS, capture_output=True, text=True, check=True
        )
        killed = int(ended.stdout)
        await _started(str(tmp_path / "fresh.db"))
        fresh = sqlite_schema.schema(tmp_path / "fresh.db")
        newest = sqlite_schema.version(tmp_path / "fresh.db")
        seen = set()
        for statement in range(1, killed + 1):
            database = tmp_path / f"{statement}.db"
            seen.add(left := sqlite_schema.version(database))
            if left:
                by_steps = sqlite_schema.at_version(tmp_path / f"{statement}-like.db", left)
                assert sqlite_schema.schema(database) == sqlite_schema.schema(by_steps)
            await _started(str(database))
            assert sqlite_schema.schema(database) == fresh
        assert seen == {*range(newest + 1)}
        assert killed > 20


class TestPostgresKilled:
    async def _commands(self, postgres: Databases) -> int:
        """Count the commands of all steps that change the schema."""
        name = await postgres.fresh(empty=True)
        async with paused_inside(postgres, name, 0):
            await _started(postgres.server.url(name).reveal())
            return await commands(postgres, name)

    async def _ends_well(self, postgres: Databases, name: str) -> int:
        """Check what was left, go on from there, and give the version that was found."""
        steps = await postgres.rows("SELECT to_regclass('tillway_schema')", database=name)
        version = 0
        if steps != [(None,)]:
            query = "SELECT coalesce(max(version), 0) FROM tillway_schema"
            version = int((await postgres.rows(query, database=name))[0][0])
        if version:
            like = await postgres_schema.at_version(postgres, version)
            assert await _whole(postgres, name) == await _whole(postgres, like)
        await _started(postgres.server.url(name).reveal())
        assert await _whole(postgres, name) == await _whole(postgres, await postgres.fresh())
        return version

    async def test_inside_a_step(self, postgres: Databases) -> None:
        """The process dies at one of the step's commands, and nothing of the step is left."""
        every = range(1, await self._commands(postgres) + 1)
        versions = set()
        for command in _some(every, count(4, len(every))):
            name = await postgres.fresh(empty=True)
            place = postgres.server.url(name).reveal()
            async with paused_inside(postgres, name, command) as pause:
                async with _migrator(place) as process:
                    await _begin(process)
                    backend = await pause.reached()
                    process.kill()
                await pause.release()
                await pause.left(backend)
            versions.add(await self._ends_well(postgres, name))
        assert (min(versions), max(versions)) == (0, _newest() - 1)

    async def test_when_the_server_ends_the_session_inside_a_step(
        self, postgres: Databases
    ) -> None:
        """Whoever starts is told that the connection is lost, and the next one goes on."""
        every = range(1, await self._commands(postgres) + 1)
        versions = set()
        for command in _some(every, count(8, len(every))):
            name = await postgres.fresh(empty=True)
            async with paused_inside(postgres, name, command) as pause:
                starting = asyncio.ensure_future(_started(postgres.server.url(name).reveal()))
                await pause.strike()
                with pytest.raises(Unavailable, match=f"/{name} "):
                    await starting
            versions.add(await self._ends_well(postgres, name))
        assert (min(versions), max(versions)) == (0, _newest() - 1)

    async def test_between_steps(self, postgres: Databases) -> None:
        """Who waits for his turn to take a step, and dies or is cut off, leaves no trace."""
        for killed in (True, False):
            name = await postgres_schema.at_version(postgres, 1)
            place = postgres.server.url(name).reveal()
            async with paused_at(postgres, name, _MIGRATING) as pause, _migrator(place) as process:
                await _begin(process)
                if killed:
                    await pause.reached()
                    process.kill()
                else:
                    await pause.strike()
                assert await process.wait() != 0
                await pause.release()
            assert await self._ends_well(postgres, name) == 1


def _newest() -> int:
    from tillway.adapters.stores.postgres.schema import migrations

    return len(migrations())


def _some(every: Sequence[int], amount: int) -> Sequence[int]:
    """Choose so many, the first and the last among them."""
    between = random.sample(every[1:-1], max(0, min(amount, len(every)) - 2))
    return sorted([every[0], *between, every[-1]])


async def _whole(postgres: Databases, name: str) -> Sequence[postgres_schema.Row]:
    return await postgres_schema.schema(postgres, name)

"""The code of one version and that of the next work on one database, before, in and after a step.

What older code sends stands in ``statements``: recorded from the real store when it was the
present one. See docs/decisions/0011.
"""

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from support import postgres_schema, sqlite_schema
from support.postgres import Databases
from support.postgres_pause import commands, paused_inside
from support.statements.recording import recorded
from support.statements.records import Done, file_of, read, versions, written
from support.statements.replaying import NotThere, replay
from support.statements.scenario import OPERATIONS
from support.store_places import store_at
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.payments import Payment
from tillway.core.ports.store import Store

_TESTS = Path(__file__).parents[2]
_RENEW = "renew it: cd tests && python -m support.statements"
_FOR_A_WHILE = 0.3
_PASSED = {"sqlite": (3, 4, 5), "postgres": (3, 4, 5, 8)}
"""Versions that went out with the next one, so that no code was ever of them."""

Pausing = Callable[[str], AbstractAsyncContextManager[Callable[[], Awaitable[None]]]]


@frozen
class Kind:
    """A store with a schema: how to make a place at a version, and how to stop inside a step."""

    name: str
    newest: int
    at_version: Callable[[int], Awaitable[str]]
    step_held: Pausing


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    if request.param == "sqlite":
        return _sqlite(tmp_path)
    return _postgres(request.getfixturevalue("postgres"))


def _sqlite(folder: Path) -> Kind:
    from tillway.adapters.stores.sqlite.schema import migrations

    numbers = itertools.count()

    async def at_version(version: int) -> str:
        return str(sqlite_schema.at_version(folder / f"{next(numbers)}.db", version))

    return Kind("sqlite", len(migrations()), at_version, _held_sqlite)


def _postgres(postgres: Databases) -> Kind:
    from tillway.adapters.stores.postgres.schema import migrations

    async def at_version(version: int) -> str:
        name = await postgres_schema.at_version(postgres, version)
        return postgres.server.url(name).reveal()

    def held(place: str) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        return _held_postgres(postgres, place)

    return Kind("postgres", len(migrations()), at_version, held)


@asynccontextmanager
async def _held_sqlite(place: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Have a process stop in the next step, behind its first statement."""
    command = (sys.executable, "-m", "support.migrator", place, "9")
    process = await asyncio.create_subprocess_exec(*command, cwd=_TESTS, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.stdin.write(b"go\n")
    assert await process.stdout.readline() == b"stopped\n"

    async def release() -> None:
        os.kill(process.pid, signal.SIGCONT)
        await process.communicate()
        assert process.returncode == 0

    yield release


@asynccontextmanager
async def _held_postgres(
    postgres: Databases, place: str
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Have a store wait in the next step, behind its last command but for the mark."""
    name = place.rpartition("/")[2]
    async with paused_inside(postgres, name, await _commands_of_a_step(postgres, name)) as pause:
        migrating = asyncio.ensure_future(_migrated(place))
        await pause.reached()

        async def release() -> None:
            await pause.release()
            await migrating

        yield release


async def _commands_of_a_step(postgres: Databases, name: str) -> int:
    """Count what changes the schema in the step that a database is to take next, on another."""
    version = (await postgres.rows("SELECT max(version) FROM tillway_schema", database=name))[0][0]
    like = await postgres_schema.at_version(postgres, version)
    async with paused_inside(postgres, like, 0):
        await _migrated(postgres.server.url(like).reveal())
        every = await commands(postgres, like)
    left = await postgres.rows("SELECT max(version) FROM tillway_schema", database=like)
    return max(1, every // int(left[0][0] - version))


async def _migrated(place: str) -> None:
    store = store_at(place)
    await store.start()
    await store.aclose()


async def _outcome(store: Store, name: str) -> object:
    return _comparable(await OPERATIONS[name](store))


def _comparable(outcome: object) -> object:
    """Leave out which turn of a payment it is: the second version did not count them."""
    if isinstance(outcome, tuple | list):
        return [_comparable(each) for each in outcome]
    return evolve(outcome, turn=0) if isinstance(outcome, Payment) else outcome


async def _outcomes() -> dict[str, object]:
    """Give what each operation has to answer, by the store that is the simplest."""
    store = MemoryStore()
    return {name: await _outcome(store, name) for name in OPERATIONS}


async def _replayed(place: str, done: Done) -> None:
    """Have old code do an operation, and hear what it heard when it was new."""
    answers = await replay(place, done)
    assert [_known(now, sent.rows) for now, sent in zip(answers, done.sent, strict=True)] == [
        each.rows for each in done.sent
    ], done.name


def _known(now: Any, then: Any) -> Any:
    """Leave out of what is heard the fields of JSON that were not there when the code was new.

    It reads bodies by the names of their fields, and passes the others over.
    """
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [_known(each, was) for each, was in zip(now, then, strict=True)]
    if isinstance(now, str) and isinstance(then, str) and now != then and then.startswith("{"):
        fields, was = json.loads(now), json.loads(then)
        return then if {name: fields.get(name) for name in was} == was else now
    return now


async def _known_by(kind: Kind, version: int) -> Sequence[Done]:
    """Give what the code of a version does.

    For a version from before the first record, that is what its schema can already answer.
    """
    known = versions(kind.name)
    if version in known:
        return read(kind.name, version)
    place, able = await kind.at_version(version), []
    for done in read(kind.name, known[0]):
        try:
            await replay(place, done)
        except NotThere:
            continue
        able.append(done)
    assert len(able) > 15
    return able


class TestRecords:
    def test_there_is_one_for_each_version(self, kind: Kind) -> None:
        """From the first on that was recorded, to the present one."""
        known = versions(kind.name)
        every = range(known[0], kind.newest + 1)
        assert [*known] == [each for each in every if each not in _PASSED[kind.name]], _RENEW

    async def test_the_present_one_is_current(self, kind: Kind) -> None:
        """It is what the store sends now."""
        if kind.name == "sqlite":
            # In a process of its own, since listening to SQLite is for a whole process.
            command = [sys.executable, "-m", "support.statements", "sqlite"]
            ran = await asyncio.to_thread(
                subprocess.run, command, cwd=_TESTS, capture_output=True, text=True, check=True
            )
            now = ran.stdout
        else:
            now = written(await recorded(await kind.at_version(0), await kind.at_version(0)))
        assert file_of(kind.name, kind.newest).read_text("utf-8") == now, _RENEW

    def test_the_present_one_leaves_nothing_out(self, kind: Kind) -> None:
        """Each function of PostgreSQL is called, each table of SQLite is used."""
        said = "\n".join(sent.sql for done in read(kind.name, kind.newest) for sent in done.sent)
        for name in _things(kind):
            assert re.search(rf"\b{name}\b", said), f"{name}: add it to support.statements.scenario"


def _things(kind: Kind) -> Sequence[str]:
    if kind.name == "sqlite":
        from tillway.adapters.stores.sqlite.schema import migrations

        return re.findall(r"CREATE TABLE (\w+)", "\n".join(migrations()))
    from tillway.adapters.stores.postgres.schema import migrations as postgres_migrations

    text = "\n".join(postgres_migrations())
    named = re.findall(r"FUNCTION (tillway_\w+)\(", text)
    # Those that others call are no concern of the code's.
    return [name for name in named if len(re.findall(rf"\b{name}\(", text)) == 1]


class TestOldCode:
    async def test_it_hears_the_same_on_every_later_schema(self, kind: Kind) -> None:
        """All that it sends is answered as it was, from its own schema to the present one."""
        for version in range(1, kind.newest + 1):
            known = await _known_by(kind, version)
            for later in range(version, kind.newest + 1):
                place = await kind.at_version(later)
                for done in known:
                    await _replayed(place, done)

    async def test_it_goes_on_while_a_step_is_taken(self, kind: Kind) -> None:
        """Before, inside and after each step it hears the same; it may wait, and never fails."""
        for version in range(1, kind.newest):
            known, place = await _known_by(kind, version), await kind.at_version(version)
            third = len(known) // 3
            for done in known[:third]:
                await _replayed(place, done)
            async with kind.step_held(place) as release:
                going_on = asyncio.ensure_future(_all(place, known[third : 2 * third]))
                await asyncio.wait([going_on], timeout=_FOR_A_WHILE)
                await release()
                await going_on
            for done in known[2 * third :]:
                await _replayed(place, done)


async def _all(place: str, known: Sequence[Done]) -> None:
    for done in known:
        await _replayed(place, done)


class TestOldAndNewCode:
    @pytest.mark.parametrize("first", ["old", "new"])
    async def test_they_take_turns(self, kind: Kind, first: str) -> None:
        """Each goes on with what the other has left, and both hear what one alone would."""
        expected = await _outcomes()
        for version in range(1, kind.newest + 1):
            known = {done.name: done for done in await _known_by(kind, version)}
            place = await kind.at_version(version)
            store = store_at(place)
            await store.start()
            for turn, name in enumerate(OPERATIONS):
                if name in known and (turn % 2 == 0) == (first == "old"):
                    await _replayed(place, known[name])
                else:
                    assert await _outcome(store, name) == expected[name], name
            await store.aclose()

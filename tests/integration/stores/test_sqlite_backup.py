"""Copies of an SQLite store that is at work."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from support.store_processes import begin, check, ready, started
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim, count, find
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed
from tillway.core.ports.upkeep import BacksUp

_ROUNDS = 10**6


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Give a store with enough in it for a copy to take more than one piece."""
    store = SqliteStore(tmp_path / "shop.db")
    await store.start()
    large = [payment(f"large-{n}", signed=os.urandom(40_000)) for n in range(100)]
    await asyncio.gather(*(claim(store, each) for each in large))
    yield store
    await store.aclose()


def _nothing(_: int, __: int) -> None:
    """Look away."""


def _left(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if not each.name.startswith("shop.db")}


class TestUnderLoad:
    async def test_a_copy_is_a_store_whose_invariants_hold(self, tmp_path: Path) -> None:
        """While processes claim and settle, each copy has what was acknowledged before it."""
        place, copies = tmp_path / "shop.db", count(4, 40)
        async with _opened(place) as store, AsyncExitStack() as stack:
            children = [
                await stack.enter_async_context(started("work", str(place), who, _ROUNDS))
                for who in ("one", "two")
            ]
            said: list[str] = []
            for child in children:
                await stack.enter_async_context(_heard(child, said))
            seen = []
            for n in range(copies):
                await _grown(said, len(said) + 50)
                acknowledged = list(said)
                await store.back_up(tmp_path / f"{n}.db", _nothing)
                seen.append((tmp_path / f"{n}.db", acknowledged))
        for file, acknowledged in seen:
            async with _opened(file) as copy:
                await check(copy, acknowledged)
                assert await claim(copy, payment("new")) == Claimed()

    async def test_writers_do_not_have_it_begin_again(
        self, tmp_path: Path, store: SqliteStore
    ) -> None:
        """What is written meanwhile is not in it, and it comes to its end all the same."""
        told, loop = list[tuple[int, int]](), asyncio.get_running_loop()

        def write(done: int, total: int) -> None:
            told.append((done, total))
            late = claim(store, payment(f"late-{len(told)}"))
            asyncio.run_coroutine_threadsafe(late, loop).result(10)

        await store.back_up(tmp_path / "copy.db", write)
        assert len(told) > 1
        assert told == sorted(told)
        assert told[-1][0] == told[-1][1] == told[0][1]
        async with _opened(tmp_path / "copy.db") as copy:
            assert await find(copy, payment("large-99")) is not None
            assert await find(copy, payment("late-1")) is None
        assert await find(store, payment("late-1")) is not None


class TestTheFile:
    async def test_it_is_whole_and_its_owners_alone(
        self, tmp_path: Path, store: SqliteStore
    ) -> None:
        """One file, without a journal, for its owner's eyes only."""
        assert isinstance(store, BacksUp)
        await store.back_up(tmp_path / "copy.db", _nothing)
        assert _left(tmp_path) == {"copy.db"}
        assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
        copy = sqlite3.connect(tmp_path / "copy.db")
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        copy.close()

    @pytest.mark.parametrize("there", ["file", "link", "folder"])
    async def test_what_is_there_is_never_lost(
        self, tmp_path: Path, store: SqliteStore, there: str
    ) -> None:
        """Neither a file, nor where a link points, nor the store itself."""
        target = tmp_path / "copy.db"
        if there == "file":
            target.write_text("precious")
        elif there == "link":
            target.symlink_to(tmp_path / "nowhere")
        else:
            target.mkdir()
        with pytest.raises(FileExistsError, match=r"copy\.db"):
            await store.back_up(target, _nothing)
        with pytest.raises(FileExistsError):
            await store.back_up(store.path, _nothing)
        assert _left(tmp_path) == {"copy.db"}
        assert there != "file" or target.read_text() == "precious"

    async def test_a_name_that_is_taken_meanwhile_stays_its_owners(
        self, tmp_path: Path, store: SqliteStore
    ) -> None:
        """It takes its name at the end, and only if nobody has."""

        def take(_: int, __: int) -> None:
            (tmp_path / "copy.db").write_text("precious")

        with pytest.raises(FileExistsError, match=r"copy\.db"):
            await store.back_up(tmp_path / "copy.db", take)
        assert _left(tmp_path) == {"copy.db"}
        assert (tmp_path / "copy.db").read_text() == "precious"

    async def test_a_place_that_is_none_is_named(self, tmp_path: Path, store: SqliteStore) -> None:
        """By the name that was given."""
        target = tmp_path / "no" / "copy.db"
        with pytest.raises(FileNotFoundError) as refused:
            await store.back_up(target, _nothing)
        assert refused.value.filename == str(target)

    async def test_who_gives_up_leaves_nothing(self, tmp_path: Path, store: SqliteStore) -> None:
        """A copy that is cancelled, or whose progress fails, has no name and is gone."""
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(_: int, __: int) -> None:
            loop.call_soon_threadsafe(begun.set)

        copying = asyncio.ensure_future(store.back_up(tmp_path / "copy.db", tell))
        await begun.wait()
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying

        def fail(_: int, __: int) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await store.back_up(tmp_path / "copy.db", fail)
        for _ in range(200):
            if not _left(tmp_path):
                break
            await asyncio.sleep(0.01)
        assert _left(tmp_path) == set()


class TestWhatCannotBeCopied:
    async def test_what_is_no_store_is_refused(self, tmp_path: Path) -> None:
        """A database that is not there is not made, another program's is not taken for ours."""
        with pytest.raises(Unavailable, match="cannot be opened"):
            await SqliteStore(tmp_path / "new.db").back_up(tmp_path / "copy.db", _nothing)
        other = sqlite3.connect(tmp_path / "other.db")
        other.execute("CREATE TABLE theirs (id INTEGER)")
        other.close()
        with pytest.raises(Unavailable, match="another program's"):
            await SqliteStore(tmp_path / "other.db").back_up(tmp_path / "copy.db", _nothing)
        assert _left(tmp_path) == {"other.db"}

    async def test_a_damaged_store_gives_no_copy(self, tmp_path: Path, store: SqliteStore) -> None:
        """What does not pass the check is told and thrown away."""
        await store.aclose()
        pages = store.path.stat().st_size // 4096
        with store.path.open("r+b") as file:
            for page in range(pages // 2, pages // 2 + 20):
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
        with pytest.raises(Unavailable, match="damaged"):
            await store.back_up(tmp_path / "copy.db", _nothing)
        assert _left(tmp_path) == set()


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.start()
    yield store
    await store.aclose()


@asynccontextmanager
async def _heard(child: asyncio.subprocess.Process, said: list[str]) -> AsyncIterator[None]:
    """Add what a process says to what was said before."""

    async def listen() -> None:
        assert child.stdout is not None
        async for line in child.stdout:
            said.append(line.decode().strip())  # noqa: PERF401 - others look at it meanwhile

    await ready(child)
    await begin(child)
    listening = asyncio.ensure_future(listen())
    yield
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


async def _grown(said: list[str], amount: int) -> None:
    for _ in range(6000):
        if len(said) >= amount:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing is said any more")

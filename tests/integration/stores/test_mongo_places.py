"""Where the store in MongoDB can and cannot be opened, and a server that comes and goes."""

import asyncio
import os
import random
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.mongo import PASSWORD, USER, Mongo, NoServer, Server, guarded, nx, server
from support.store_load import Till, a_call, a_look, a_unit, a_view, seconds_to_the_next
from support.store_places import mongo_at, mongo_open
from support.store_processes import check
from support.store_summary import or_skipped
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim, count, find
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed, Store, Taken
from tillway.core.ports.upkeep import ChecksWriting
from tillway.core.secrets import Secret

pytest.importorskip("motor", reason="motor is not installed")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """Give a server of this module's own, which keeps what it acknowledges."""
    with or_skipped("mongodb", NoServer), server(nx) as running:
        yield running


class TestCrashes:
    async def test_nothing_that_was_acknowledged_is_lost(self, own_server: Server) -> None:
        """The server is killed under load, again and again: all is there, once."""
        taken = list[float]()
        async with mongo_open(own_server.mongo.place()) as store:
            till = Till(store)
            selling = [asyncio.ensure_future(till.sell(who)) for who in range(8)]
            for _ in range(count(3, 20)):
                await asyncio.sleep(random.uniform(0.5, 1.0))
                own_server.stop(signal.SIGKILL)
                await asyncio.sleep(0.1)
                own_server.start()
                taken.append(await seconds_to_the_next(till))
            till.closed = True
            await asyncio.gather(*selling)
            await check(store, till.acknowledged)
        assert len(till.acknowledged) > 50
        assert max(taken) < 20

    async def test_a_server_that_is_away_is_unavailable(self, own_server: Server) -> None:
        """Whoever asks is told so, without where it is; once it is back, all goes on."""
        async with mongo_open(own_server.mongo.place(), patience=2.0) as store:
            await claim(store, payment("before"))
            own_server.stop()
            for act in (a_unit, a_view, a_call, a_look, _checked):
                with pytest.raises(Unavailable) as refused:
                    await act(store)
                assert "127.0.0.1" not in refused.value.message
                assert refused.value.retry_after
            own_server.start()
            assert await find(store, payment("before")) == payment("before")
            for act in (a_unit, a_view, a_call, a_look, _checked):
                await act(store)

    async def test_a_server_that_hangs_is_given_up(self, own_server: Server) -> None:
        """Calls on connections that are heard no more end in time; then others go on."""
        assert own_server.process is not None
        async with mongo_open(own_server.mongo.place(), patience=1.0) as store:
            await claim(store, payment("before"))
            os.kill(own_server.process.pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                ends = await asyncio.gather(
                    *(act(store) for act in (a_unit, a_view, a_call)), return_exceptions=True
                )
                assert all(isinstance(end, Unavailable) for end in ends)
                assert time.monotonic() - began < 10
            finally:
                os.kill(own_server.process.pid, signal.SIGCONT)
            await _once_it_answers(store)
            assert await find(store, payment("before")) == payment("before")


async def _checked(store: Store) -> None:
    assert isinstance(store, ChecksWriting)
    await store.check_writing()


async def _once_it_answers(store: Store) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await a_look(store)
                return
            except Unavailable:
                await asyncio.sleep(0.05)


class _Other(socketserver.BaseRequestHandler):
    """Speaks something else."""

    def handle(self) -> None:
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class TestPlacesThatCannotBeUsed:
    async def _refused(self, place: str, *reasons: str) -> None:
        with pytest.raises(Unavailable) as refused:
            await mongo_at(place, patience=1.0).start()
        text = refused.value.message
        for reason in reasons:
            assert reason in text
        assert "\n" not in text
        assert "secret" not in text

    async def test_a_server_that_is_not_there(self) -> None:
        """The place is named, the password is not."""
        place = "mongodb://user:secret@127.0.0.1:1/shop"
        await self._refused(place, "127.0.0.1:1/shop", "cannot be reached")

    @pytest.mark.parametrize(
        "place",
        [
            "mongodb://user:secret@127.0.0.1:port/shop",
            "mongodb://user:sec@ret:x@127.0.0.1/shop",
            "mongodb://user:secret@127.0.0.1:1/shop?readPreference=wrong-secret",
            "mongodb://user:secret@127.0.0.1:1/shop?authMechanism=none-of-these",
        ],
    )
    async def test_a_url_that_cannot_be_understood(self, place: str) -> None:
        """One line, in which nothing of the URL is repeated that may be secret."""
        await self._refused(place, "cannot be used as configured")

    async def test_a_url_of_another_kind(self) -> None:
        """It is said what kind of URL is wanted."""
        from tillway.adapters.stores.mongo import MongoStore

        with pytest.raises(Unavailable, match="mongodb://user"):
            await MongoStore(Secret("https://user:secret@db.example"), "shop").start()

    async def test_a_server_that_speaks_something_else(self) -> None:
        """A port where something else answers is refused in time."""
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Other) as other:
            threading.Thread(target=other.serve_forever, daemon=True).start()
            place = f"127.0.0.1:{other.server_address[1]}/shop"
            await self._refused(f"mongodb://{place}", place)
            other.shutdown()

    async def test_a_user_who_may_not(self) -> None:
        """A wrong password and none at all are refused; the right one is let in."""
        with or_skipped("mongodb", NoServer), server(guarded) as running:
            place = running.mongo.place()
            await self._refused(place.replace(PASSWORD, "wrong-secret"), "refuses this user")
            await self._refused(place.replace(f"{USER}:{PASSWORD}@", ""), "refuses this user")
            async with mongo_open(place) as store:
                assert await claim(store, payment("a")) == Claimed()

    async def test_a_format_from_the_future(self, mongo: Mongo) -> None:
        """A database that a newer version has changed is left alone."""
        name = mongo.fresh()
        mongo.write(name, "tillway_marks", {"_id": "format", "version": 2})
        place = f"{mongo.url.reveal().rstrip('/')}/{name}"
        await self._refused(place, name, "newer version of Tillway (format 2)")

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ({"maxWireVersion": 9, "isWritablePrimary": True}, "older than MongoDB 5.0"),
            ({"maxWireVersion": 21, "isWritablePrimary": False}, "not a primary"),
            ({}, "older than MongoDB 5.0"),
        ],
    )
    def test_a_server_that_will_not_do(self, said: dict[str, Any], reason: str) -> None:
        """Too old, or a member that takes no writes: refused by what it says of itself."""
        from tillway.adapters.stores.mongo.place import refuse_unfit

        with pytest.raises(Unavailable, match=reason):
            refuse_unfit(said, "db.example/shop")


class TestStarts:
    async def test_stores_that_start_at_once_find_one_place(self, mongo: Mongo) -> None:
        """Any number may make the collections and indexes together."""
        place = mongo.place()
        stores = [mongo_at(place) for _ in range(6)]
        await asyncio.gather(*(store.start() for store in stores))
        results = await asyncio.gather(*(claim(store, payment("a")) for store in stores))
        assert results.count(Claimed()) == 1
        assert results.count(Taken(payment=payment("a"))) == 5
        await asyncio.gather(*(store.aclose() for store in stores))

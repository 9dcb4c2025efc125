"""The server dies, goes away or hangs, and the store with it, for as long as that lasts."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from support.postgres import SUPERUSER, Databases, databases
from support.store_load import Till, a_call, a_look, a_unit, a_view, seconds_to_the_next
from support.store_processes import check
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim, count, find
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore


@pytest.fixture(scope="module")
def durable() -> Iterator[Databases]:
    """Give a server of this module's own, which keeps what it acknowledges."""
    with databases(durable=True) as made:
        yield made


@asynccontextmanager
async def _store(place: Databases, patience: float = 10.0) -> AsyncIterator["PostgresStore"]:
    from tillway.adapters.stores.postgres import PostgresStore

    store = PostgresStore(place.server.url(await place.fresh()), patience=patience)
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()


class TestCrashes:
    async def test_nothing_that_was_acknowledged_is_lost(self, durable: Databases) -> None:
        """The server is stopped at once, under load, again and again: all is there, once."""
        ready = list[float]()
        async with _store(durable) as store:
            till = Till(store)
            selling = [asyncio.ensure_future(till.sell(who)) for who in range(16)]
            for _ in range(count(3, 20)):
                await asyncio.sleep(random.uniform(0.2, 0.5))
                await asyncio.to_thread(durable.server.stop, signal.SIGQUIT)
                await asyncio.to_thread(durable.server.start)
                ready.append(await seconds_to_the_next(till))
            till.closed = True
            await asyncio.gather(*selling)
            await check(store, till.acknowledged)
        assert till.refused > 0
        assert len(till.acknowledged) > 100
        assert sorted(ready)[int(len(ready) * 0.95)] < 2

    async def test_a_server_that_is_away_is_unavailable(self, durable: Databases) -> None:
        """Whoever asks is told so, without where it is; once it is back, all goes on."""
        async with _store(durable, patience=2.0) as store:
            await claim(store, payment("before"))
            await asyncio.to_thread(durable.server.stop)
            for _ in range(2):
                for act in (a_unit, a_view, a_call, a_look):
                    with pytest.raises(Unavailable, match="cannot be reached") as refused:
                        await act(store)
                    assert "127.0.0.1" not in refused.value.message
                    assert refused.value.retry_after
            await asyncio.to_thread(durable.server.start)
            assert await find(store, payment("before")) == payment("before")
            for act in (a_unit, a_view, a_call, a_look):
                await act(store)

    async def test_a_server_that_stops_in_a_unit_writes_nothing_of_it(
        self, durable: Databases
    ) -> None:
        """The unit that was open is Unavailable, and nobody waits for it afterwards."""
        async with _store(durable) as store:
            with pytest.raises(Unavailable):  # noqa: PT012 - the leaving is tested
                async with store.begin() as unit:
                    await unit.payments.claim(payment("a"))
                    await asyncio.to_thread(durable.server.stop, signal.SIGQUIT)
            await asyncio.to_thread(durable.server.start)
            assert await find(store, payment("a")) is None
            assert await claim(store, payment("a")) == Claimed()

    async def test_a_server_that_hangs_is_given_up(self, durable: Databases) -> None:
        """Calls and units on connections that are heard no more end in time; others go on."""
        async with _store(durable, patience=0.5) as store:
            await asyncio.gather(*(claim(store, payment(str(n))) for n in range(6)))
            stopped = await _serving(durable)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                started = time.monotonic()
                ends = await asyncio.gather(
                    *(act(store) for act in (a_unit, a_view, a_call)), return_exceptions=True
                )
                assert all(isinstance(end, Unavailable) for end in ends)
                assert time.monotonic() - started < 10
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            for n in range(20):
                assert await find(store, payment(str(n))) == (payment(str(n)) if n < 6 else None)


async def _serving(place: Databases) -> list[int]:
    rows = await place.rows(
        "SELECT pid FROM pg_stat_activity"
        " WHERE application_name = 'tillway' AND backend_type = 'client backend'",
        database="postgres",
        user=SUPERUSER,
    )
    return [int(pid) for (pid,) in rows]

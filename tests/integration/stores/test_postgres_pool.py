import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from support.postgres import SUPERUSER, Databases
from tillway.core.contracts.samples import NOW, event, payment, product, reservation
from tillway.core.contracts.stores.steps import claim, count, find, total
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed, Store
from tillway.core.secrets import Secret
from tillway.core.tenancy import DEFAULT, Tenant

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

_OWN = f"usename <> '{SUPERUSER}' AND backend_type = 'client backend'"
_IDS = f"SELECT pid FROM pg_stat_activity WHERE datname = $1 AND {_OWN} ORDER BY 1"
_END = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND {_OWN}"


class Place:
    """A database, and stores in it."""

    def __init__(self, postgres: Databases, name: str) -> None:
        self.postgres, self.name = postgres, name

    @asynccontextmanager
    async def store(
        self, most: int = 25, idle: int = 25, age: float = 300.0, patience: float = 10.0
    ) -> AsyncIterator["PostgresStore"]:
        """Open a store."""
        from tillway.adapters.stores.postgres import PostgresStore
        from tillway.adapters.stores.postgres.pool import Limits

        url, limits = self.postgres.server.url(self.name), Limits(most=most, idle=idle, age=age)
        store = PostgresStore(url, limits=limits, patience=patience)
        await store.start()
        try:
            yield store
        finally:
            await store.aclose()

    async def sessions(self) -> set[int]:
        """Give the server's processes that serve stores."""
        rows = await self.postgres.rows(_IDS, self.name, database="postgres")
        return {int(pid) for (pid,) in rows}

    async def end_sessions(self) -> None:
        """Have the server end them."""
        await self.postgres.rows(_END, self.name, database="postgres")


@pytest.fixture
async def place(postgres: Databases) -> Place:
    return Place(postgres, await postgres.fresh())


async def _many(store: Store, amount: int, hold: float = 0.0) -> None:
    async def one(n: int) -> None:
        async with store.begin() as unit:
            await unit.payments.claim(payment(f"{n}-{random.random()}"))
            await asyncio.sleep(hold)

    await asyncio.gather(*(one(n) for n in range(amount)))


async def _becomes(check: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(200):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it does not become so")


class TestQueue:
    async def test_who_came_first_goes_first(self, place: Place) -> None:
        """With all connections in use, units get theirs in the order in which they came."""
        order = list[int]()
        async with place.store(most=4) as store:

            async def one(n: int) -> None:
                async with store.begin() as unit:
                    await unit.tallies.totals(DEFAULT, ["stock"])
                    order.append(n)
                    await asyncio.sleep(random.uniform(0, 0.004))

            await asyncio.gather(*(one(n) for n in range(count(60, 1000))))
        # Three are at work at once, so neighbours may overtake each other; far from the end of
        # the queue nobody is left waiting, as in a pool that serves the last one first.
        overtaken = [turn - n for turn, n in enumerate(order)]
        assert max(overtaken) <= 20
        assert sum(map(abs, overtaken)) / len(overtaken) < 4

    async def test_units_leave_room_for_views(self, place: Place) -> None:
        """However many units hold connections, a view is answered."""
        async with place.store(most=5, patience=2.0) as store, AsyncExitStack() as held:
            for n in range(4):
                unit = await held.enter_async_context(store.begin())
                await unit.payments.claim(payment(str(n)))
            waiting = asyncio.ensure_future(claim(store, payment("waits")))
            for _ in range(10):
                assert await find(store, payment("0")) is None
            assert not waiting.done()
            await held.aclose()
            assert await waiting == Claimed()

    async def test_who_waits_too_long_is_told(self, place: Place) -> None:
        """A unit waits for a connection as long as patience lasts, and harms nobody."""
        async with place.store(most=2, patience=0.5) as store:
            async with store.begin() as unit:
                await unit.payments.claim(payment("first"))
                waiting = asyncio.ensure_future(claim(store, payment("second")))
                await asyncio.sleep(0.4)
            assert await waiting == Claimed()
            with pytest.raises(Unavailable, match="busy"):  # noqa: PT012 - the leaving is tested
                async with store.begin() as unit:
                    await unit.payments.claim(payment("third"))
                    await claim(store, payment("fourth"))
            assert await claim(store, payment("third")) == Claimed()

    async def test_a_call_that_is_held_up_is_given_up_by_the_server(self, place: Place) -> None:
        """A single call that waits for a unit too long is told, and never written later."""
        async with place.store(patience=0.6) as slow, place.store() as store:
            async with store.begin() as unit:
                await unit.payments.claim(payment("a"))
                with pytest.raises(Unavailable, match="busy"):
                    await claim(slow, payment("a", owner="too late"))
            assert await find(store, payment("a")) == payment("a")


class TestConnections:
    async def test_what_is_too_many_is_closed_after_a_while(self, place: Place) -> None:
        """A crowd's connections serve it to its end; then only the idle ones stay."""
        async with place.store(most=10, idle=2) as store:
            await _many(store, 40, hold=0.01)
            crowd = await place.sessions()
            assert 4 <= len(crowd) <= 10
            await _many(store, 40, hold=0.01)
            assert len(await place.sessions() & crowd) >= 4

            async def two() -> bool:
                return len(await place.sessions()) == 2

            await _becomes(two)
            assert await claim(store, payment("after")) == Claimed()

    async def test_old_connections_are_replaced(self, place: Place) -> None:
        """None is used beyond its age."""
        async with place.store(age=0.2) as store:
            await claim(store, payment("a"))
            first = await place.sessions()
            await asyncio.sleep(0.3)
            await claim(store, payment("b"))

            async def replaced() -> bool:
                return not await place.sessions() & first

            await _becomes(replaced)

    async def test_a_connection_that_was_lost_unused_is_not_missed(self, place: Place) -> None:
        """The server ended idle connections: units, views and calls get others."""
        async with place.store() as store:
            for _ in range(3):
                await _many(store, 5)
                await place.end_sessions()
                async with store.begin() as unit:
                    await unit.payments.claim(payment(f"{random.random()}"))
                await place.end_sessions()
                assert await find(store, payment("unknown")) is None
                await place.end_sessions()
                async with store.view() as view:
                    assert await view.tallies.totals(DEFAULT, ["stock"]) == {}

    async def test_a_connection_that_is_lost_in_a_unit_spoils_it(self, place: Place) -> None:
        """Nothing of the unit is written, and leaving it says Unavailable."""
        async with place.store() as store:
            with pytest.raises(Unavailable):  # noqa: PT012 - the leaving is tested
                async with store.begin() as unit:
                    await unit.payments.claim(payment("a", reservations=(reservation(),)))
                    await place.end_sessions()
            with pytest.raises(Unavailable):  # noqa: PT012 - as above
                async with store.begin() as unit:
                    await unit.payments.claim(payment("b"))
                    await place.end_sessions()
                    await asyncio.sleep(0.05)
                    await unit.events.append(event("b"))
            assert await find(store, payment("a")) is None
            assert await find(store, payment("b")) is None
            assert await total(store, "stock") == 0


class TestCollisions:
    async def test_units_that_wait_for_each_other_end(self, place: Place) -> None:
        """Of two units that each hold what the other wants, one is written and one is told."""
        tenants = [Tenant("one"), Tenant("two")]
        async with place.store() as store:
            both = asyncio.Barrier(2)

            async def write(first: Tenant, second: Tenant) -> None:
                async with store.begin() as unit:
                    await unit.products.put(first, product(), NOW)
                    await both.wait()
                    await unit.products.put(second, product(), NOW)

            ends = await asyncio.gather(
                write(*tenants), write(*reversed(tenants)), return_exceptions=True
            )
            assert sorted(type(end).__name__ for end in ends) == ["NoneType", "Unavailable"]
            await asyncio.gather(*(_put(store, tenant) for tenant in tenants))

    async def test_a_call_that_collides_is_tried_again(self, place: Place) -> None:
        """Whichever of the two the server chooses to give way, the single call comes through."""
        shares = [reservation(name, limit=None) for name in ("a", "b")]
        async with place.store() as store:
            taken = asyncio.Event()

            async def unit_the_other_way_round() -> None:
                async with store.begin() as unit:
                    await unit.payments.claim(payment("1", reservations=(shares[1],)))
                    taken.set()
                    await asyncio.sleep(0.1)
                    await unit.payments.claim(payment("2", reservations=(shares[0],)))

            async def call() -> None:
                await taken.wait()
                both = payment("3", reservations=tuple(shares))
                assert await claim(store, both) == Claimed()

            ends = await asyncio.gather(unit_the_other_way_round(), call(), return_exceptions=True)
            assert ends[1] is None
            assert ends[0] is None or isinstance(ends[0], Unavailable)
            written = 1 + (ends[0] is None)
            assert [await total(store, name) for name in ("a", "b")] == [written, written]


async def _put(store: Store, tenant: Tenant) -> None:
    async with store.begin() as unit:
        await unit.products.put(tenant, product(), NOW)


class TestCancellation:
    @pytest.mark.parametrize("once", [True, False])
    async def test_time_outs_anywhere_leave_all_or_nothing(
        self, database: Secret, once: bool
    ) -> None:
        """Callers that give up at random moments: whole units only, and what is told is kept."""
        from tillway.adapters.stores.postgres import PostgresStore

        store = PostgresStore(database)
        await store.start()
        names, dice = [str(n) for n in range(count(200, 10_000))], random.Random(7)
        crowd = asyncio.Semaphore(30)

        async def write(name: str) -> bool:
            try:
                async with (
                    crowd,
                    asyncio.timeout(dice.expovariate(40)),
                    store.begin(once=once) as unit,
                ):
                    part = reservation(name, 1, None)
                    await unit.payments.claim(payment(name, reservations=(part,)))
                    if not once:
                        await unit.events.append(event(name))
            except TimeoutError:
                return False
            return True

        outcomes = await asyncio.gather(*(write(name) for name in names))
        assert len(set(outcomes)) == 2
        for name, acknowledged in zip(names, outcomes, strict=True):
            async with store.view() as view:
                one = payment(name)
                written = await view.payments.find(one.chain, one.key) is not None
                assert written == (await view.tallies.totals(DEFAULT, [name]) == {name: 1})
            assert written or not acknowledged
        await store.aclose()

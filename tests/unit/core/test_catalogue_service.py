import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from attrs import define, evolve, field

from support.manual_clock import ManualClock
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import NOW, OTHER, coupon, product
from tillway.core.errors import Unavailable
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.store import Store, UnitOfWork, View
from tillway.core.services.catalogue.caching import Cache
from tillway.core.services.catalogue.catalogues import (
    CachedCatalogue,
    FixedCatalogue,
    StoredCoupons,
    StoredProducts,
)
from tillway.core.tenancy import DEFAULT

ARTICLE = ProductId("article")
SPRING = CouponCode("SPRING")


@define(eq=False)
class CountingStore:
    """Counts views of a store, and is away when told so."""

    inner: Store = field(factory=MemoryStore)
    views: int = 0
    away: bool = False

    def begin(self, *, once: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        return self.inner.begin(once=once)

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[View]:
        self.views += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable
        async with self.inner.view(once=once) as view:
            yield view

    async def start(self) -> None:
        await self.inner.start()

    async def aclose(self) -> None:
        await self.inner.aclose()


def cached(store: Store, clock: ManualClock, **ttls: timedelta) -> CachedCatalogue:
    """Give the catalogue of a store."""
    return CachedCatalogue(
        of_products=StoredProducts(store), of_coupons=StoredCoupons(store), clock=clock, **ttls
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store() -> CountingStore:
    store = CountingStore()
    async with store.begin() as unit:
        await unit.products.put(DEFAULT, product("article"), NOW)
        await unit.products.put(DEFAULT, product("withdrawn", active=False), NOW)
        await unit.coupons.put(DEFAULT, coupon("SPRING"))
        await unit.coupons.put(DEFAULT, coupon("OVER", active=False))
    return store


@pytest.fixture
def catalogue(store: CountingStore, clock: ManualClock) -> CachedCatalogue:
    return cached(store, clock)


class TestCachedCatalogue:
    async def test_only_what_is_active_is_on_sale(self, catalogue: CachedCatalogue) -> None:
        """Withdrawn products and coupons are neither found nor listed."""
        assert await catalogue.product(DEFAULT, ARTICLE) == product("article")
        assert await catalogue.product(DEFAULT, ProductId("withdrawn")) is None
        assert [each.id for each in await catalogue.products(DEFAULT)] == ["article"]
        assert await catalogue.coupon(DEFAULT, SPRING) == coupon("SPRING")
        assert await catalogue.coupon(DEFAULT, CouponCode("OVER")) is None
        assert [each.code for each in await catalogue.coupons(DEFAULT)] == ["SPRING"]

    async def test_other_tenants_have_their_own_shelves(self, catalogue: CachedCatalogue) -> None:
        """A cached answer is never another tenant's."""
        await catalogue.product(DEFAULT, ARTICLE)
        await catalogue.products(DEFAULT)
        assert await catalogue.product(OTHER, ARTICLE) is None
        assert await catalogue.products(OTHER) == ()
        assert await catalogue.coupon(OTHER, SPRING) is None
        assert await catalogue.coupons(OTHER) == ()

    async def test_an_answer_is_read_once_in_its_time_to_live(
        self, catalogue: CachedCatalogue, store: CountingStore, clock: ManualClock
    ) -> None:
        """The store is asked again when five minutes are over, not before."""
        for _ in range(3):
            await catalogue.product(DEFAULT, ARTICLE)
        assert store.views == 1
        clock.move(299.9)
        await catalogue.product(DEFAULT, ARTICLE)
        assert store.views == 1
        clock.move(0.1)
        await catalogue.product(DEFAULT, ARTICLE)
        assert store.views == 2

    async def test_coupons_have_a_time_to_live_of_their_own(
        self, catalogue: CachedCatalogue, store: CountingStore, clock: ManualClock
    ) -> None:
        """Coupons are read anew after a minute."""
        await catalogue.coupons(DEFAULT)
        clock.move(60)
        async with store.begin() as unit:
            await unit.coupons.remove(DEFAULT, SPRING)
        assert await catalogue.coupons(DEFAULT) == ()

    async def test_no_time_to_live_keeps_nothing(
        self, store: CountingStore, clock: ManualClock
    ) -> None:
        """Zero asks the store every time."""
        catalogue = cached(store, clock, product_ttl=timedelta(0))
        await catalogue.product(DEFAULT, ARTICLE)
        await catalogue.product(DEFAULT, ARTICLE)
        assert store.views == 2

    async def test_an_edit_is_seen_at_once_after_forgetting(
        self, catalogue: CachedCatalogue, store: CountingStore
    ) -> None:
        """Forgetting drops all answers."""
        await catalogue.products(DEFAULT)
        async with store.begin() as unit:
            await unit.products.put(DEFAULT, product("book"), NOW)
        catalogue.forget()
        assert [each.id for each in await catalogue.products(DEFAULT)] == ["article", "book"]

    async def test_a_source_that_is_away_is_asked_again(
        self, catalogue: CachedCatalogue, store: CountingStore
    ) -> None:
        """An error reaches everyone who waits and is not kept."""
        store.away = True
        asked = [catalogue.product(DEFAULT, ARTICLE) for _ in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3
        store.away = False
        assert await catalogue.product(DEFAULT, ARTICLE) is not None


class TestCache:
    async def test_callers_at_once_share_one_load(self) -> None:
        """Of a hundred callers one loads, and one that leaves harms nobody."""
        loads: list[str] = []
        gate = asyncio.Event()

        async def load(key: str) -> str:
            loads.append(key)
            await gate.wait()
            return key.upper()

        cache = Cache(load=load, clock=ManualClock(), ttl=timedelta(seconds=1))
        waiting = [asyncio.ensure_future(cache.get("a")) for _ in range(100)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await asyncio.gather(*waiting[1:]) == ["A"] * 99
        assert loads == ["a"]

    async def test_what_does_not_exist_pushes_nothing_real_out(self) -> None:
        """A flood of unknown keys stays in its own bounds."""
        loads: list[int] = []

        async def load(key: int) -> str | None:
            loads.append(key)
            return "real" if key < 3 else None

        cache = Cache(
            load=load,
            clock=ManualClock(),
            ttl=timedelta(seconds=1),
            capacity=3,
            absent_capacity=2,
        )
        for key in [*range(3), *range(100, 120), *range(3)]:
            await cache.get(key)
        assert loads == [*range(3), *range(100, 120)]
        assert await cache.get(119) is None
        assert await cache.get(100) is None
        assert loads[-1] == 100

    async def test_the_least_recently_used_goes_first(self) -> None:
        """Capacity is kept, and use keeps an answer."""
        loads: list[int] = []

        async def load(key: int) -> int:
            loads.append(key)
            return key

        cache = Cache(load=load, clock=ManualClock(), ttl=timedelta(seconds=1), capacity=2)
        for key in (1, 2, 1, 3, 1):
            await cache.get(key)
        assert loads == [1, 2, 3]
        await cache.get(2)
        assert loads == [1, 2, 3, 2]

    async def test_what_was_being_loaded_while_forgetting_is_not_kept(self) -> None:
        """An answer from before an edit is not served after it."""
        gate = asyncio.Event()
        price = 1

        async def load(_: str) -> int:
            seen = price
            await gate.wait()
            return seen

        cache = Cache(load=load, clock=ManualClock(), ttl=timedelta(seconds=1))
        early = asyncio.ensure_future(cache.get("a"))
        await asyncio.sleep(0.001)
        price = 2
        cache.clear()
        gate.set()
        assert await early == 1
        assert await cache.get("a") == 2


class TestFixedCatalogue:
    async def test_only_what_is_active_is_on_sale(self) -> None:
        """Lists are sorted and leave out what is not active."""
        catalogue = FixedCatalogue(
            [product("b"), product("a"), product("c", active=False)],
            [coupon("B"), coupon("A"), coupon("C", active=False)],
        )
        assert [each.id for each in await catalogue.products(DEFAULT)] == ["a", "b"]
        assert [each.code for each in await catalogue.coupons(DEFAULT)] == ["A", "B"]
        assert await catalogue.product(DEFAULT, ProductId("c")) is None
        assert await catalogue.coupon(DEFAULT, CouponCode("C")) is None
        assert await catalogue.coupon(DEFAULT, CouponCode("A")) == coupon("A")

    async def test_other_tenants_see_nothing(self) -> None:
        """The operator's files are one tenant's."""
        catalogue = FixedCatalogue([product("a")], [coupon("A")])
        assert await catalogue.products(OTHER) == ()
        assert await catalogue.product(OTHER, ProductId("a")) is None
        assert await catalogue.coupons(OTHER) == ()
        assert await catalogue.coupon(OTHER, CouponCode("A")) is None

    async def test_a_new_price_after_a_restart_leaves_the_old_one_known(self) -> None:
        """The price before the last change is known with the time at which it ended."""
        store, later = MemoryStore(), NOW + timedelta(hours=1)
        await FixedCatalogue([product("a", 100)], []).sync(store, NOW)
        changed = FixedCatalogue([product("a", 200), product("b", 1)], [])
        await changed.sync(store, later)
        found = await changed.product(DEFAULT, ProductId("a"))
        assert found is not None
        assert found.previous is not None
        assert found.previous.fiat_price == product("a", 100).fiat_price
        assert found.previous.changed_at == later
        assert await changed.product(DEFAULT, ProductId("b")) == product("b", 1)

    async def test_a_restart_without_change_keeps_the_time_of_the_last_one(self) -> None:
        """Starting again does not make an old price valid again."""
        store = MemoryStore()
        for hours, cents in ((0, 100), (1, 200), (9, 200)):
            catalogue = FixedCatalogue([product("a", cents)], [])
            await catalogue.sync(store, NOW + timedelta(hours=hours))
        found = await catalogue.product(DEFAULT, ProductId("a"))
        assert found is not None
        assert found.previous is not None
        assert found.previous.changed_at == NOW + timedelta(hours=1)
        assert evolve(found, previous=None) == product("a", 200)

    def test_two_definitions_of_one_name_are_refused(self) -> None:
        """Which of the two would be sold is nobody's guess."""
        with pytest.raises(ValueError, match="called a"):
            FixedCatalogue([product("a"), product("a", 2)], [])

import asyncio

import pytest

from support.store_places import store_at
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim, find
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed
from tillway.core.tenancy import DEFAULT


class TestOpening:
    async def test_a_store_that_is_not_open_is_unavailable(self, place: str) -> None:
        """Before the start and after the end nothing is read or written."""
        store = store_at(place)
        for _ in range(2):
            with pytest.raises(Unavailable, match="not open"):
                await claim(store, payment("a"))
            with pytest.raises(Unavailable, match="not open"):
                await find(store, payment("a"))
            await store.start()
            await store.aclose()

    async def test_starting_again_changes_nothing(self, place: str) -> None:
        """A restart keeps everything, and a second start of an open store is harmless."""
        for expected in (None, payment("a")):
            store = store_at(place)
            await store.start()
            await store.start()
            assert await find(store, payment("a")) == expected
            await claim(store, payment("a"))
            await store.aclose()


class TestClosing:
    async def test_closing_finishes_what_has_begun(self, place: str) -> None:
        """Units and views that run are waited for; what comes later is refused."""
        store = store_at(place)
        await store.start()
        running = [asyncio.ensure_future(claim(store, payment(str(n)))) for n in range(20)]
        async with store.view() as view:
            assert await view.tallies.totals(DEFAULT, ["stock"]) == {}
            closing = asyncio.ensure_future(store.aclose())
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="not open"):
                await claim(store, payment("late"))
            assert await asyncio.gather(*running) == [Claimed()] * 20
        await closing
        again = store_at(place)
        await again.start()
        assert await find(again, payment("19")) == payment("19")
        await again.aclose()

    async def test_what_hangs_does_not_keep_a_store_open(self, place: str) -> None:
        """Closing gives up waiting for a view or a unit that does not end, and says so."""
        store = store_at(place, patience=0.5)
        await store.start()
        async with store.view() as view:
            await view.tallies.totals(DEFAULT, ["stock"])
            with pytest.raises(Unavailable):
                await store.aclose()
        await store.aclose()

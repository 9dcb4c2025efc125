"""The laws of units of work and views: all or nothing, and nothing half-seen."""

import asyncio

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    NOW,
    coupon,
    event,
    payment,
    product,
    quote_key,
    reservation,
    settled,
)
from tillway.core.contracts.stores.steps import claim, count, find, settle, total
from tillway.core.ids import ProductId
from tillway.core.ports.store import Claimed, Store, UnitOfWork, View
from tillway.core.tenancy import DEFAULT


class OwnFault(Exception):
    """An exception that only these tests raise."""


@pytest.mark.asyncio
class UnitLaws:
    """``Store.begin`` and ``view``."""

    async def test_a_unit_that_ends_well_is_written(self, store: Store) -> None:
        """Everything that was written in it is there."""
        async with store.begin() as unit:
            await _write_everything(unit)
        async with store.view() as view:
            assert await _seen(view) == 6

    async def test_a_unit_that_ends_in_an_exception_is_not_written(self, store: Store) -> None:
        """Nothing that was written in it is there, and the exception passes."""
        with pytest.raises(OwnFault):  # noqa: PT012 - what is tested is the leaving
            async with store.begin() as unit:
                await _write_everything(unit)
                raise OwnFault
        async with store.view() as view:
            assert await _seen(view) == 0

    async def test_a_cancelled_unit_is_not_written(self, store: Store) -> None:
        """A task that is cancelled inside leaves nothing, and holds nobody up."""
        inside = asyncio.Event()

        async def write() -> None:
            async with store.begin() as unit:
                await _write_everything(unit)
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.ensure_future(write())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await claim(store, payment("after")) == Claimed()
        async with store.view() as view:
            assert await _seen(view) == 0

    async def test_tasks_cancelled_at_any_time_leave_all_or_nothing(self, store: Store) -> None:
        """Wherever a task is cut off, both of its writes are there or neither."""
        names = [str(n) for n in range(count(60, 2000))]

        async def write(name: str) -> None:
            async with store.begin() as unit:
                await unit.payments.claim(payment(name, reservations=(reservation(name),)))
                await unit.events.append(event(name))

        tasks = [asyncio.ensure_future(write(name)) for name in names]
        for turns, task in enumerate(tasks):
            for _ in range(turns % 7):
                await asyncio.sleep(0)
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        async with store.view() as view:
            told = {one.id for one in await view.events.newest(DEFAULT, len(names))}
        for name, outcome in zip(names, outcomes, strict=True):
            written = await find(store, payment(name)) is not None
            assert written == (event(name).id in told) == bool(await total(store, name))
            assert written or isinstance(outcome, asyncio.CancelledError)

    async def test_a_rolled_back_unit_harms_no_other(self, store: Store) -> None:
        """Of units that run at once, those that fail leave nothing and the others all."""

        async def write(n: int) -> None:
            async with store.begin() as unit:
                await unit.payments.claim(payment(str(n)))
                await unit.events.append(event(str(n)))
                if n % 3 == 0:
                    raise OwnFault

        amount = count(60, 3000)
        outcomes = await asyncio.gather(*map(write, range(amount)), return_exceptions=True)
        for n, outcome in enumerate(outcomes):
            assert isinstance(outcome, OwnFault) == (n % 3 == 0)
            assert (await find(store, payment(str(n))) is None) == (n % 3 == 0)
        async with store.view() as view:
            assert len(await view.events.newest(DEFAULT, amount)) == amount - len(
                range(0, amount, 3)
            )

    async def test_a_unit_sees_what_it_wrote(self, store: Store) -> None:
        """Reads inside a unit include its own writes."""
        async with store.begin() as unit:
            await _write_everything(unit)
            assert await _seen(unit) == 6
            assert await unit.payments.settle(settled(payment("a")))
            assert await unit.products.remove(DEFAULT, ProductId("article"))
            assert await unit.products.get(DEFAULT, ProductId("article")) is None
            assert list(await unit.products.all(DEFAULT)) == []

    async def test_an_operation_that_raises_spoils_its_unit(self, store: Store) -> None:
        """Even if the exception is caught, the unit is not written and raises it again."""
        with pytest.raises(ValueError, match="live"):  # noqa: PT012 - what is tested is the leaving
            async with store.begin() as unit:
                await unit.payments.claim(payment("a"))
                with pytest.raises(ValueError, match="live"):
                    await unit.payments.settle(payment("a"))
        assert await find(store, payment("a")) is None

    async def test_units_do_not_see_each_other_unfinished(self, store: Store) -> None:
        """Read-then-write in one unit loses nothing under concurrency."""

        async def raise_price() -> None:
            async with store.begin() as unit:
                known = await unit.products.get(DEFAULT, ProductId("article"))
                cents = 0 if known is None else int(known.metadata["count"])
                counted = evolve(product(), metadata={"count": str(cents + 1)})
                await unit.products.put(DEFAULT, counted, NOW)

        amount = count(50, 1000)
        await asyncio.gather(*(raise_price() for _ in range(amount)))
        async with store.view() as view:
            known = await view.products.get(DEFAULT, ProductId("article"))
        assert known is not None
        assert known.metadata["count"] == str(amount)

    async def test_an_empty_unit_is_harmless(self, store: Store) -> None:
        """Opening and leaving writes nothing, alone and among others."""

        async def nothing() -> None:
            async with store.begin():
                pass

        async def nothing_then_claim(n: int) -> None:
            await asyncio.gather(nothing(), claim(store, payment(str(n))), nothing())

        await nothing()
        await asyncio.gather(*(nothing_then_claim(n) for n in range(8)))
        assert await find(store, payment("7")) == payment("7")

    async def test_a_promised_call_is_a_unit(self, store: Store) -> None:
        """Whoever promises to make one call finds it written, or not if it raises."""
        async with store.begin(once=True) as unit:
            assert await unit.payments.claim(payment("a")) == Claimed()
        async with store.begin(once=True) as unit:
            await unit.products.put(DEFAULT, product(cents=500), NOW)
        async with store.begin(once=True) as unit:
            await unit.products.put(DEFAULT, product(cents=900), NOW)
        with pytest.raises(ValueError, match="live"):
            async with store.begin(once=True) as unit:
                await unit.payments.settle(payment("a"))
        async with store.begin(once=True):
            pass
        async with store.view(once=True) as view:
            assert await view.payments.find(payment("a").chain, payment("a").key) == payment("a")
        async with store.view(once=True) as view:
            known = await view.products.get(DEFAULT, product().id)
        assert known is not None
        assert known.previous is not None

    async def test_a_promised_call_ends_with_its_unit(self, store: Store) -> None:
        """A promise changes neither what a view refuses nor when a unit is over."""
        async with store.begin(once=True) as unit:
            pass
        async with store.view(once=True) as view:
            with pytest.raises(RuntimeError):
                await view.payments.claim(payment("a"))
        with pytest.raises(RuntimeError):
            await unit.payments.claim(payment("a"))
        with pytest.raises(RuntimeError):
            await view.payments.newest(DEFAULT, 1)
        assert await find(store, payment("a")) is None

    async def test_a_view_does_not_see_what_is_not_committed(self, store: Store) -> None:
        """A view opened beside an open unit sees nothing of it, and does not wait for it."""
        async with store.begin() as unit:
            await _write_everything(unit)
            async with asyncio.timeout(5), store.view() as view:
                assert await _seen(view) == 0

    async def test_a_view_sees_one_moment(self, store: Store) -> None:
        """What is committed after its first read is not seen in a view."""
        await claim(store, payment("before"))
        async with store.view() as view:
            before = await view.payments.newest(DEFAULT, 10)
            async with store.begin() as unit:
                await _write_everything(unit)
            assert await settle(store, settled(payment("before")))
            assert await _seen(view) == 0
            assert list(await view.payments.newest(DEFAULT, 10)) == list(before)
            found = await view.payments.find(payment("before").chain, payment("before").key)
            assert found == payment("before")
        async with store.view() as view:
            assert await _seen(view) == 6

    async def test_a_view_refuses_writes(self, store: Store) -> None:
        """Whoever writes by mistake in a view hears of it, and nothing is written."""
        async with store.view() as view:
            with pytest.raises(RuntimeError):
                await view.payments.claim(payment("a"))
            with pytest.raises(RuntimeError):
                await view.coupons.put(DEFAULT, coupon())
        async with store.view() as view:
            assert await _seen(view) == 0

    async def test_what_has_ended_is_used_no_more(self, store: Store) -> None:
        """A unit or view that is kept beyond its end can neither read nor write."""
        async with store.begin() as unit:
            await unit.payments.claim(payment("a"))
        async with store.view() as view:
            await view.payments.newest(DEFAULT, 1)
        with pytest.raises(RuntimeError):
            await unit.payments.claim(payment("b"))
        with pytest.raises(RuntimeError):
            await unit.payments.newest(DEFAULT, 1)
        with pytest.raises(RuntimeError):
            await view.payments.newest(DEFAULT, 1)
        assert await find(store, payment("b")) is None

    async def test_many_views_at_once_are_answered(self, store: Store) -> None:
        """More views than a store has connections wait for each other and all read."""
        await claim(store, payment("a"))
        found = await asyncio.gather(*(find(store, payment("a")) for _ in range(count(50, 2000))))
        assert found == [payment("a")] * len(found)

    async def test_closing_twice_is_harmless(self, store: Store) -> None:
        """A repeat does nothing."""
        await store.aclose()
        await store.aclose()


async def _write_everything(unit: UnitOfWork) -> None:
    await unit.payments.claim(payment("a", reservations=(reservation(),)))
    await unit.events.append(event("a"))
    await unit.products.put(DEFAULT, product(), NOW)
    await unit.coupons.put(DEFAULT, coupon())
    await unit.quote_keys.add(quote_key("a"))


async def _seen(view: View) -> int:
    """Count the kinds of things of ``_write_everything`` that can be seen."""
    claimed = payment("a")
    kinds = [
        await view.payments.find(claimed.chain, claimed.key) is not None,
        bool(await view.tallies.totals(DEFAULT, ["stock"])),
        event("a") in await view.events.newest(DEFAULT, 100),
        bool(await view.products.all(DEFAULT)),
        bool(await view.coupons.all(DEFAULT)),
        bool(await view.quote_keys.all()),
    ]
    return sum(kinds)

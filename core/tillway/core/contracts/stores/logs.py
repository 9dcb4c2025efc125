"""The laws of what is listed by time: payments and facts, newest first."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve

from tillway.core.contracts.samples import LEASE, NOW, OTHER, event, payment
from tillway.core.contracts.stores.steps import claim, find
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT

_SECOND = timedelta(seconds=1)


@pytest.mark.asyncio
class LogLaws:
    """``Payments.newest`` and ``Events``."""

    async def test_payments_are_listed_newest_first(self, store: Store) -> None:
        """The order is that of creation, whatever the order of writing."""
        for n in (2, 0, 3, 1):
            await claim(store, payment(str(n), created_at=NOW + n * _SECOND))
        async with store.view() as view:
            listed = await view.payments.newest(DEFAULT, 10)
        assert [one.signature for one in listed] == [f"signature-{n}" for n in (3, 2, 1, 0)]

    async def test_lists_end_at_their_limit(self, store: Store) -> None:
        """A limit cuts off the oldest; nothing is a limit too."""
        for n in range(3):
            await claim(store, payment(str(n), created_at=NOW + n * _SECOND))
            async with store.begin() as unit:
                await unit.events.append(event(str(n), at=NOW + n * _SECOND))
        async with store.view() as view:
            payments = await view.payments.newest(DEFAULT, 2)
            assert [one.signature for one in payments] == ["signature-2", "signature-1"]
            events = await view.events.newest(DEFAULT, 2)
            assert [one.body["name"] for one in events] == ["2", "1"]
            assert list(await view.payments.newest(DEFAULT, 0)) == []
            assert list(await view.events.newest(DEFAULT, 0)) == []

    async def test_a_list_goes_on_where_the_last_one_ended(self, store: Store) -> None:
        """Only payments created before the time given are listed."""
        for n in range(4):
            await claim(store, payment(str(n), created_at=NOW + n * _SECOND))
        async with store.view() as view:
            page = await view.payments.newest(DEFAULT, 2, NOW + 3 * _SECOND)
            assert [one.signature for one in page] == ["signature-2", "signature-1"]
            rest = await view.payments.newest(DEFAULT, 2, page[-1].created_at)
            assert [one.signature for one in rest] == ["signature-0"]

    async def test_of_one_time_the_greater_key_comes_first(self, store: Store) -> None:
        """Lists have one order in every store."""
        names = [str(n) for n in range(6)]
        for name in names:
            await claim(store, payment(name))
            async with store.begin() as unit:
                await unit.events.append(event(name))
        async with store.view() as view:
            keys = [one.key for one in await view.payments.newest(DEFAULT, 10)]
            assert keys == sorted((payment(name).key for name in names), reverse=True)
            ids = [one.id for one in await view.events.newest(DEFAULT, 10)]
            assert ids == sorted((event(name).id for name in names), reverse=True)

    async def test_a_zone_is_no_other_time(self, store: Store) -> None:
        """Times come back equal, in UTC, and are ordered as times."""
        west = timezone(timedelta(hours=-8))
        early = payment("early", created_at=(NOW - _SECOND).astimezone(west))
        await claim(store, early)
        await claim(store, payment("late"))
        found = await find(store, early)
        assert found is not None
        assert found.created_at == early.created_at
        assert found.created_at.utcoffset() == timedelta(0)
        async with store.view() as view:
            listed = await view.payments.newest(DEFAULT, 10, NOW.astimezone(west))
        assert list(listed) == [early]

    async def test_a_time_without_zone_is_refused(self, store: Store) -> None:
        """Nobody can know when it was meant."""
        naive = datetime(2026, 1, 2)
        with pytest.raises(TypeError):
            await claim(store, payment("a", created_at=naive))
        assert await find(store, payment("a")) is None

    async def test_old_and_far_times_are_kept(self, store: Store) -> None:
        """Microseconds survive at both ends of what a date can be."""
        for name, year in (("old", 1), ("far", 9999)):
            time = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
            written = payment(name, created_at=time, lease_until=time)
            await claim(store, written)
            assert await find(store, written) == written

    async def test_a_fact_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, the nested body included."""
        async with store.begin() as unit:
            await unit.events.append(event("a"))
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 1)) == [event("a")]

    async def test_a_repeated_fact_does_nothing(self, store: Store) -> None:
        """The first of one id stands, in one unit and in another."""
        for _ in range(2):
            async with store.begin() as unit:
                await unit.events.append(event("a"))
                await unit.events.append(evolve(event("a"), body={"other": True}, at=NOW + LEASE))
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 10)) == [event("a")]

    async def test_tenants_have_lists_of_their_own(self, store: Store) -> None:
        """One tenant's facts and payments are never in another's list."""
        await claim(store, payment("a"))
        async with store.begin() as unit:
            await unit.events.append(event("a"))
            await unit.events.append(event("a", OTHER))
        async with store.view() as view:
            assert list(await view.payments.newest(OTHER, 10)) == []
            assert list(await view.events.newest(OTHER, 10)) == [event("a", OTHER)]
            assert list(await view.events.newest(DEFAULT, 10)) == [event("a")]

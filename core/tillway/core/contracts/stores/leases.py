"""The laws of leases: whoever holds one works alone, and what nobody holds is taken once."""

import asyncio
from datetime import timedelta

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    LEASE,
    NOW,
    OTHER,
    OURS,
    THEIRS,
    failed,
    key_of,
    payment,
    settled,
)
from tillway.core.contracts.stores.steps import (
    claim,
    count,
    fail,
    find,
    release,
    settle,
    take_over,
)
from tillway.core.payments import State
from tillway.core.ports.store import Store

_LATER = NOW + timedelta(minutes=1)
_NEXT = _LATER + LEASE


@pytest.mark.asyncio
class LeaseLaws:
    """``Payments.renew`` and ``take_over``."""

    async def test_a_lease_is_extended(self, store: Store) -> None:
        """Renewed leases end later; a repeat tells the same and changes nothing."""
        for name in ("a", "b", "not asked for"):
            await claim(store, payment(name))
        keys = [key_of("a"), key_of("b"), key_of("unknown")]
        for _ in range(2):
            async with store.begin() as unit:
                assert await unit.payments.renew(OURS, keys, _LATER) == 2
            assert await find(store, payment("a")) == payment("a", lease_until=_LATER)
        assert await find(store, payment("not asked for")) == payment("not asked for")

    async def test_a_lease_is_never_cut_short(self, store: Store) -> None:
        """An older renewal that arrives late takes nothing away."""
        await claim(store, payment("a"))
        async with store.begin() as unit:
            assert await unit.payments.renew(OURS, [key_of("a")], NOW) == 1
        assert await find(store, payment("a")) == payment("a")

    async def test_only_what_is_held_is_renewed(self, store: Store) -> None:
        """Ended payments and those of another process count nothing."""
        for name in ("settled", "failed", "taken"):
            await claim(store, payment(name, owner=THEIRS if name == "taken" else OURS))
        await settle(store, settled(payment("settled")))
        await fail(store, failed(payment("failed")))
        keys = [key_of(name) for name in ("settled", "failed", "taken")]
        async with store.begin() as unit:
            assert await unit.payments.renew(OURS, keys, _LATER) == 0
            assert await unit.payments.renew(OURS, [], _LATER) == 0
        assert await find(store, payment("taken")) == payment("taken", owner=THEIRS)

    async def test_an_ended_lease_is_taken_over(self, store: Store) -> None:
        """The new owner and lease are stored; the old owner's word counts no more."""
        await claim(store, payment("a"))
        mine = payment("a", owner=THEIRS, lease_until=_NEXT)
        assert list(await take_over(store, THEIRS, _LATER, _NEXT)) == [mine]
        assert await find(store, mine) == mine
        assert not await settle(store, settled(payment("a")))
        assert await settle(store, settled(mine))

    async def test_a_lease_that_runs_is_left_alone(self, store: Store) -> None:
        """A lease has ended after its time, not at it."""
        await claim(store, payment("a"))
        end = payment("a").lease_until
        assert list(await take_over(store, THEIRS, end, _NEXT)) == []
        just_after = end + timedelta(microseconds=1)
        assert len(await take_over(store, THEIRS, just_after, _NEXT)) == 1

    async def test_what_has_ended_is_not_taken_over(self, store: Store) -> None:
        """Only live payments are worked on."""
        for name in ("settled", "failed"):
            await claim(store, payment(name))
        await settle(store, settled(payment("settled")))
        await fail(store, failed(payment("failed")))
        assert list(await take_over(store, THEIRS, _LATER, _NEXT)) == []

    async def test_a_released_payment_is_taken_over_in_its_time(self, store: Store) -> None:
        """It is found unresolved, of every tenant, after the time that it was released to."""
        await claim(store, payment("a", OTHER))
        await release(store, payment("a", OTHER), _LATER)
        assert list(await take_over(store, THEIRS, _LATER, _NEXT)) == []
        taken = await take_over(store, THEIRS, _NEXT, _NEXT + LEASE)
        assert [(one.state, one.owner) for one in taken] == [(State.UNRESOLVED, THEIRS)]

    async def test_the_oldest_lease_goes_first(self, store: Store) -> None:
        """Within the limit, whose lease ended first is taken first."""
        for n in (3, 1, 4, 2):
            await claim(store, payment(str(n), lease_until=NOW + n * LEASE))
        first = await take_over(store, THEIRS, _LATER, _NEXT, limit=3)
        assert [one.signature for one in first] == [f"signature-{n}" for n in (1, 2, 3)]
        rest = await take_over(store, THEIRS, _LATER, _NEXT, limit=3)
        assert [one.signature for one in rest] == ["signature-4"]

    async def test_a_taken_payment_is_taken_once(self, store: Store) -> None:
        """Many processes ask at once: each payment goes to one of them."""
        names = [str(n) for n in range(count(20, 500))]
        for name in names:
            await claim(store, payment(name))
        asks = (
            take_over(store, f"process-{who}", _LATER, _NEXT, limit=3) for who in range(len(names))
        )
        got = [one for taken in await asyncio.gather(*asks) for one in taken]
        assert sorted(one.key for one in got) == sorted(key_of(name) for name in names)
        for one in got:
            assert await find(store, one) == evolve(one, lease_until=_NEXT)

"""The laws of turns: what one process does at a time, one process does."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import pytest

from tillway.core.contracts.samples import AWKWARD, LEASE, NOW, OURS, THEIRS
from tillway.core.contracts.stores.steps import count, write
from tillway.core.ports.store import Store

_MOMENT: Final = timedelta(microseconds=1)
_END: Final = NOW + LEASE


async def _acquire(
    store: Store,
    owner: str = OURS,
    now: datetime = NOW,
    until: datetime = _END,
    name: str = "sweeper",
) -> bool:
    return await write(store, lambda unit: unit.leases.acquire(name, owner, now, until))


async def _give_up(store: Store, owner: str = OURS, name: str = "sweeper") -> bool:
    return await write(store, lambda unit: unit.leases.give_up(name, owner))


@pytest.mark.asyncio
class TurnLaws:
    """``Leases``."""

    async def test_a_lease_is_one_processes(self, store: Store) -> None:
        """Whoever has it may take it again, nobody else may; other names are other leases."""
        assert await _acquire(store)
        assert not await _acquire(store, THEIRS)
        assert await _acquire(store)
        for name in ("Sweeper", "", AWKWARD):
            assert await _acquire(store, THEIRS, name=name)
            assert not await _acquire(store, name=name)

    async def test_a_lease_ends_after_its_time(self, store: Store) -> None:
        """Not at it; then anybody may have it."""
        await _acquire(store)
        assert not await _acquire(store, THEIRS, _END, _END + LEASE)
        assert await _acquire(store, THEIRS, _END + _MOMENT, _END + LEASE)
        assert not await _acquire(store, OURS, _END + _MOMENT, _END + LEASE)

    async def test_a_turn_is_extended(self, store: Store) -> None:
        """By its owner, over or not, as long as nobody else has it."""
        await _acquire(store)
        assert await _acquire(store, until=_END + LEASE)
        assert not await _acquire(store, THEIRS, _END + LEASE)
        assert await _acquire(store, now=_END + 2 * LEASE, until=_END + 3 * LEASE)
        assert not await _acquire(store, THEIRS, _END + 3 * LEASE)

    async def test_a_turn_is_never_cut_short(self, store: Store) -> None:
        """An older extension that arrives late takes nothing away."""
        await _acquire(store, until=_END + LEASE)
        assert await _acquire(store, until=_END)
        assert not await _acquire(store, THEIRS, _END + LEASE)

    async def test_another_ones_time_is_not_added(self, store: Store) -> None:
        """Whoever takes a lease that was over has it for its own time."""
        await _acquire(store, until=_END + 3 * LEASE)
        late = _END + 3 * LEASE + _MOMENT
        assert await _acquire(store, THEIRS, late, late)
        assert await _acquire(store, OURS, late + _MOMENT, late + LEASE)

    async def test_a_lease_is_given_up_by_its_owner(self, store: Store) -> None:
        """Once; then anybody may have it at once."""
        assert not await _give_up(store)
        await _acquire(store)
        assert not await _give_up(store, THEIRS)
        assert not await _acquire(store, THEIRS)
        assert await _give_up(store)
        assert not await _give_up(store)
        assert await _acquire(store, THEIRS)
        assert not await _give_up(store)

    async def test_of_many_at_once_one_has_it(self, store: Store) -> None:
        """32 race for a lease that is free, over or given up: one gets it."""
        for n in range(count(2, 50)):
            name = str(n)
            for now in (NOW, NOW + 2 * LEASE, NOW + 4 * LEASE):
                owners = [f"process-{who}" for who in range(32)]
                asks = (_acquire(store, each, now, now + LEASE, name) for each in owners)
                told = await asyncio.gather(*asks)
                assert told.count(True) == 1
                winner = owners[told.index(True)]
                assert await _acquire(store, winner, now, now + LEASE, name)
            assert await _give_up(store, winner, name)
            told = await asyncio.gather(
                *(_acquire(store, each, now, now + LEASE, name) for each in owners)
            )
            assert told.count(True) == 1

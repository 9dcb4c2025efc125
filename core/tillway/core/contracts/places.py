"""What every store must pass that outlives its process: nothing acknowledged is lost in a crash.

Inherit ``PlaceContract`` in a test module and give it the fixture ``place``: a ``Place``, which
names a factory and an empty folder (``contracts.kit.factories`` says what that is). Or name the
factory alone: ``pytest --tillway-store-place=package:factory``.

Processes are killed here and machines are not: what a store has handed to the operating system
survives. Whether it is on the disk when the power fails, no test on one machine can tell.
"""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tillway.core.contracts.lives.checks import check
from tillway.core.contracts.lives.processes import Lives, Place, begin, lines
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.crossings import everything, fill
from tillway.core.contracts.stores.steps import count, find, total

__all__ = ["Place", "PlaceContract"]


@pytest.mark.asyncio
class PlaceLaws:
    """``Store`` in several processes, one after the other and at once."""

    async def test_what_was_closed_opens_as_it_was(self, place: Place) -> None:
        """All that was written is there when the store is opened again."""
        async with place.opened() as store:
            async with store.begin() as unit:
                await fill(unit)
            async with store.view() as view:
                written = await everything(view)
        async with place.opened() as store, store.view() as view:
            assert await everything(view) == written

    async def test_another_place_is_another(self, place: Place) -> None:
        """What is written to one is not in another."""
        async with place.opened() as store, store.begin() as unit:
            nothing = await everything(unit)
            await fill(unit)
        async with place.another("beside").opened() as store, store.view() as view:
            assert await everything(view) == nothing

    async def test_of_claims_in_several_processes_one_wins(self, place: Place) -> None:
        """64 identical claims in four processes at once: each name is claimed once."""
        rounds, crowd = count(20, 1000), 4
        async with AsyncExitStack() as running:
            children = [
                await running.enter_async_context(place.child("race", f"p{n}", rounds))
                for n in range(crowd)
            ]
            for child in children:
                await begin(child)
            won = await asyncio.gather(*(lines(child) for child in children))
            assert [child.returncode for child in children] == [0] * crowd
        assert sorted(int(n) for each in won for n in each) == list(range(rounds))
        async with place.opened() as store:
            assert await total(store, "raced") == rounds
            for who, each in enumerate(won):
                for n in each[:10]:
                    claimed = await find(store, payment(f"race-{n}"))
                    assert claimed is not None
                    assert claimed.owner == f"p{who}"

    async def test_what_was_acknowledged_survives_a_kill(self, place: Place) -> None:
        """Killed at any moment, processes leave all that they said, once, and nothing half-done."""
        async with place.opened():  # makes the schema, so that lives are for work
            pass
        lives = Lives(place=place, kills=count(4, 100), operations=100, patience=count(60, 150))
        await asyncio.gather(lives.lane("p0"), lives.lane("p1"))
        assert lives.said, "too little was acknowledged to tell"
        async with place.opened() as store:
            await check(store, lives.said)


class PlaceContract(PlaceLaws):
    """All laws of a store that outlives its process."""

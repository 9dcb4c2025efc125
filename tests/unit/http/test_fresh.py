"""Values that are made once for many."""

import asyncio

import pytest

from tillway.entrypoints.http.fresh import Fresh


class Maker:
    """Counts, slowly; may be told to fail."""

    def __init__(self) -> None:
        self.made = 0
        self.failing = False

    async def __call__(self) -> int:
        await asyncio.sleep(0.02)
        self.made += 1
        if self.failing:
            raise ValueError(self.made)
        return self.made


class TestFresh:
    async def test_many_at_once_cause_one_making(self) -> None:
        """They all get the same."""
        fresh = Fresh(Maker())
        assert set(await asyncio.gather(*(fresh.get() for _ in range(50)))) == {1}

    async def test_it_is_kept_for_its_time_and_no_longer(self) -> None:
        """Then it is made anew."""
        fresh = Fresh(Maker(), seconds=0.05)
        assert (await fresh.get(), await fresh.get()) == (1, 1)
        await asyncio.sleep(0.06)
        assert await fresh.get() == 2

    async def test_a_failure_reaches_all_who_waited_and_is_not_kept(self) -> None:
        """The next asks again."""
        maker = Maker()
        fresh, maker.failing = Fresh(maker), True
        both = await asyncio.gather(fresh.get(), fresh.get(), return_exceptions=True)
        assert [type(each) for each in both] == [ValueError, ValueError]
        maker.failing = False
        assert await fresh.get() == 2

    async def test_a_caller_who_leaves_takes_nothing_from_the_others(self) -> None:
        """The making goes on."""
        fresh = Fresh(Maker())
        first, second = (asyncio.create_task(fresh.get()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 1
        with pytest.raises(asyncio.CancelledError):
            await first

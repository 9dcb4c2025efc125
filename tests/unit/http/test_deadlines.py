"""One timer for many time limits."""

import asyncio
import time

import pytest

from tillway.entrypoints.http.deadlines import Deadlines


async def limited(deadlines: Deadlines, seconds: float) -> str:
    """Sleep under a limit, as the time-out middleware does."""
    task = deadlines.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if deadlines.expired(task):
            return "late"
        raise
    finally:
        deadlines.end(task)
    return "done"


class TestDeadlines:
    async def test_what_is_quick_is_left_alone(self) -> None:
        """And leaves nothing behind."""
        deadlines = Deadlines(seconds=0.2)
        assert await asyncio.create_task(limited(deadlines, 0)) == "done"
        await asyncio.sleep(0.3)
        assert await asyncio.create_task(limited(deadlines, 0)) == "done"

    async def test_what_is_slow_is_cancelled_about_in_time(self) -> None:
        """By at most a tenth of the limit late, and a little for a busy machine."""
        deadlines, loop = Deadlines(seconds=0.2), asyncio.get_running_loop()
        began = loop.time()
        assert await asyncio.create_task(limited(deadlines, 30)) == "late"
        assert 0.2 <= loop.time() - began < 1.2

    async def test_each_of_many_has_a_limit_of_its_own(self) -> None:
        """Who began later ends later; who was quick was never in danger."""
        deadlines, slow = Deadlines(seconds=0.2), []
        for _ in range(5):
            slow.append(asyncio.create_task(limited(deadlines, 30)))
            await asyncio.sleep(0.05)
        quick = [asyncio.create_task(limited(deadlines, 0.01)) for _ in range(20)]
        assert set(await asyncio.gather(*quick)) == {"done"}
        assert set(await asyncio.gather(*slow)) == {"late"}

    async def test_a_cancellation_by_others_stays_one(self) -> None:
        """A server that closes cancels its requests: that is no time-out."""
        deadlines = Deadlines(seconds=30)
        task = asyncio.create_task(limited(deadlines, 30))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_a_cancellation_by_others_wins_over_the_limit(self) -> None:
        """Cancelled in the moment when its time is up, it is not told as late."""
        deadlines = Deadlines(seconds=0.1)
        task = asyncio.create_task(limited(deadlines, 30))
        await asyncio.sleep(0.01)
        time.sleep(0.15)  # noqa: ASYNC251 - the limit has to pass while the loop stands still
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_the_task_goes_on_after_its_limit(self) -> None:
        """Being late once does not cancel what it awaits next."""
        deadlines = Deadlines(seconds=0.1)

        async def twice() -> tuple[str, str]:
            first = await limited(deadlines, 30)
            await asyncio.sleep(0.01)
            return first, await limited(deadlines, 0.01)

        assert await asyncio.create_task(twice()) == ("late", "done")

    async def test_ending_twice_is_harmless(self) -> None:
        """A repeat does nothing."""
        deadlines = Deadlines(seconds=1)
        task = deadlines.begin()
        deadlines.end(task)
        deadlines.end(task)
        assert not deadlines._began

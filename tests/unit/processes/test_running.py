"""Running an event loop of a process of ours."""

import asyncio
import gc

import pytest
import uvloop

from tillway.entrypoints.processes.running import YOUNG_OBJECTS, run


class TestRun:
    def test_it_gives_what_the_work_gives(self) -> None:
        """On uvloop, as processes that serve run."""

        async def work() -> str:
            return type(asyncio.get_running_loop()).__module__

        assert run(work()) == uvloop.Loop.__module__

    def test_the_collector_comes_by_less_often_meanwhile(self) -> None:
        """And as before once it is over, however it ends."""
        before = gc.get_threshold()

        async def work() -> tuple[int, int, int]:
            return gc.get_threshold()

        async def fail() -> None:
            raise LookupError

        assert run(work()) == (YOUNG_OBJECTS, *before[1:])
        assert gc.get_threshold() == before
        with pytest.raises(LookupError):
            run(fail())
        assert gc.get_threshold() == before

    def test_who_has_set_it_higher_is_left_alone(self) -> None:
        """An operator who tunes it knows better."""
        before = gc.get_threshold()
        gc.set_threshold(99_999, 7, 7)
        try:

            async def work() -> tuple[int, int, int]:
                return gc.get_threshold()

            assert run(work()) == (99_999, 7, 7)
        finally:
            gc.set_threshold(*before)

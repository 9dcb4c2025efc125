"""The pace at which benchmarks find that things are done."""

import asyncio
from collections import Counter

import pytest

from bench.pace import Pace, Rounds, paced


class TestPaced:
    async def test_each_thing_goes_through_each_step_once(self) -> None:
        """And each step counts as a transaction, each thing once."""
        seen: Counter[str] = Counter()

        async def first(number: int) -> None:
            await asyncio.sleep(0)
            seen[f"first {number}"] += 1

        async def second(number: int) -> None:
            assert seen[f"first {number}"] == 1
            seen[f"second {number}"] += 1

        pace = await paced(range(20), [first, second], 7, 60.0)
        assert seen == Counter(f"{step} {n}" for step in ("first", "second") for n in range(20))
        assert len(pace.took) == 40

    async def test_so_many_are_under_way_at_once(self) -> None:
        """No more, and no fewer while there is enough to do."""
        under_way, most = 0, 0

        async def step(_: int) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

        await paced(range(100), [step], 5, 60.0)
        assert most == 5

    async def test_it_ends_when_the_time_is_up(self) -> None:
        """What is under way is finished, and nothing else is begun."""
        done = 0

        async def step(_: int) -> None:
            nonlocal done
            await asyncio.sleep(0.02)
            done += 1

        pace = await paced(range(10_000), [step], 2, 0.05)
        assert len(pace.took) == done < 100


class TestRounds:
    def test_who_is_against_whom_is_told_round_by_round(self) -> None:
        """A machine that was busy in one round was busy for both."""
        ours = Rounds([Pace(90.0), Pace(9.0), Pace(80.0)])
        theirs = Rounds([Pace(100.0), Pace(10.0), Pace(100.0)])
        assert ours.against(theirs) == pytest.approx(0.9)
        assert ours.rate == 80.0

    def test_rounds_that_do_not_pair_are_refused(self) -> None:
        """Nothing is compared with what was measured at another time."""
        with pytest.raises(ValueError, match="shorter"):
            Rounds([Pace(1.0)]).against(Rounds())

    def test_the_tail_is_of_all_transactions(self) -> None:
        """Told in medians, as the aim for a saturated pool is."""
        rounds = Rounds([Pace(1.0, took=[0.001] * 60), Pace(1.0, took=[0.001] * 30 + [0.004] * 10)])
        assert rounds.tail == pytest.approx(4.0)

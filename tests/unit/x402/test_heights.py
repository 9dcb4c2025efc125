import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.hash import Hash

from support.manual_clock import ManualClock
from tillway.adapters.x402.answers import Blockhash
from tillway.adapters.x402.heights import (
    BLOCKHASH_LIFE,
    FASTEST,
    MARGIN,
    STALE_AFTER_SLOTS,
    Heights,
)
from tillway.core.errors import Unavailable


def _pair(slot: int, height: int) -> Blockhash:
    return Blockhash(hash=Hash.default(), last_valid_height=height + BLOCKHASH_LIFE, slot=slot)


class TestTheBound:
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=60))
    def test_is_never_below_the_chain(self, chain: list[tuple[bool, int]]) -> None:
        """Whatever slots are skipped, whichever nodes answer, however far they lag."""
        heights, history, height = Heights(clock=ManualClock()), [(100, 50)], 50
        heights.saw_blockhash(_pair(100, 50))
        for skipped, lag in chain:
            height += not skipped
            history.append((history[-1][0] + 1, height))
            slot, then = history[max(0, len(history) - 1 - lag)]
            if skipped:
                heights.saw_blockhash(_pair(slot, then))
            heights.saw_slot(slot)
            assert heights.height >= then
            assert heights.slot >= slot

    def test_follows_the_slots_that_others_tell(self) -> None:
        """One pair is enough until it is stale."""
        heights = Heights(clock=ManualClock())
        heights.saw_blockhash(_pair(1_000, 900))
        heights.saw_slot(1_300)
        assert (heights.height, heights.height_at(1_100)) == (1_200, 1_000)
        heights.saw_slot(1_200)
        assert heights.slot == 1_300

    def test_a_node_that_lags_lowers_nothing(self) -> None:
        """Its pair knows of fewer skipped slots, so it can only raise the bound."""
        heights = Heights(clock=ManualClock())
        heights.saw_blockhash(_pair(1_000, 900))
        heights.saw_blockhash(_pair(500, 450))
        assert (heights.slot, heights.height) == (1_000, 950)

    def test_is_made_better_by_new_pairs(self) -> None:
        """What was skipped meanwhile is learnt; old pairs are forgotten in time."""
        clock = ManualClock()
        heights = Heights(clock=clock)
        heights.saw_blockhash(_pair(1_000, 900))
        clock.move(800)
        for slot in (3_000, 3_001, 3_002, 3_003):
            heights.saw_blockhash(_pair(slot, slot - 200))
        assert heights.height == 2_803


class TestKnowing:
    def test_nothing_known_is_unavailable_and_not_zero(self) -> None:
        """A height of zero in a claim would prove its failure at once."""
        heights = Heights(clock=ManualClock())
        heights.saw_slot(1_000)
        assert not heights.known
        with pytest.raises(Unavailable):
            _ = heights.height

    def test_a_pair_is_stale_after_some_minutes(self) -> None:
        """Then a new one is asked for."""
        clock = ManualClock()
        heights = Heights(clock=clock)
        assert heights.stale
        heights.saw_blockhash(_pair(1_000, 900))
        assert not heights.stale
        clock.move(600)
        heights.saw_slot(1_000 + STALE_AFTER_SLOTS)
        assert heights.stale


ABSURD = 2**60
FAR = 50_000_000


def _at(slot: int) -> tuple[Heights, ManualClock]:
    clock = ManualClock()
    heights = Heights(clock=clock)
    assert heights.saw_blockhash(_pair(slot, slot - 100))
    return heights, clock


class TestSlotsOfTheFuture:
    @pytest.mark.parametrize("slot", [ABSURD, FAR, 1_001 + MARGIN])
    def test_one_is_not_taken(self, slot: int) -> None:
        """A claim that wrote it down could never be proven to have failed."""
        heights, _ = _at(1_000)
        assert not heights.saw_slot(slot)
        assert not heights.saw_blockhash(_pair(slot + FAR, slot))
        assert (heights.slot, heights.height) == (1_000, 900)

    @pytest.mark.parametrize("slot", [ABSURD, 2_000_000_000])
    def test_not_even_the_first(self, slot: int) -> None:
        """No cluster is so old."""
        heights = Heights(clock=ManualClock())
        assert not heights.saw_slot(slot)
        assert not heights.saw_blockhash(_pair(slot + FAR, slot))
        assert not heights.known
        assert heights.saw_blockhash(_pair(400_000_000, 380_000_000))

    def test_slots_pass_with_time(self) -> None:
        """Whoever was not asked for an hour takes an hour's slots, at the fastest."""
        heights, clock = _at(1_000)
        clock.move(3_600)
        assert not heights.saw_slot(1_001 + MARGIN + FASTEST * 3_600)
        assert heights.saw_slot(1_000 + 9_000)

    @pytest.mark.parametrize("back", [0, -3_600])
    def test_one_told_twice_is_taken(self, back: float) -> None:
        """It is our clock that is wrong, then: the bound must not stay below the chain."""
        heights, clock = _at(1_000)
        clock.move(back)
        assert not heights.saw_slot(FAR)
        clock.move(2)
        assert heights.saw_blockhash(_pair(FAR + 5, FAR - 95))
        assert (heights.slot, heights.height) == (FAR + 5, FAR - 95)

    def test_not_when_another_tells_of_the_present_meanwhile(self) -> None:
        """A node that goes on being wrong beside one that is right convinces nobody."""
        heights, _ = _at(1_000)
        for slot in range(1_001, 1_010):
            assert not heights.saw_slot(FAR)
            assert heights.saw_slot(slot)
        assert heights.slot == 1_009

    def test_two_wrong_ones_that_differ_are_wrong(self) -> None:
        """Nor does one that was told long ago count."""
        heights, clock = _at(1_000)
        assert not heights.saw_slot(FAR)
        assert not heights.saw_slot(2 * FAR)
        clock.move(31)
        assert not heights.saw_slot(2 * FAR)

    def test_what_no_cluster_can_ever_reach_is_never_taken(self) -> None:
        """However often it is told."""
        heights, _ = _at(1_000)
        assert not any(heights.saw_slot(ABSURD) for _ in range(10))

    @pytest.mark.parametrize("height", [1_001, 2**63])
    def test_a_block_higher_than_its_slot_is_none(self, height: int) -> None:
        """A slot adds at most one block."""
        heights, _ = _at(1_000)
        assert not heights.saw_blockhash(_pair(1_000, height))
        assert heights.height == 900

    @given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3_000)), max_size=40))
    def test_whatever_is_taken_bounds_the_chain(self, steps: list[tuple[int, int]]) -> None:
        """However fast slots come, an answer is thrown away or raises the bound with it."""
        heights, clock = _at(1_000)
        slot = 1_000
        for seconds, slots in steps:
            clock.move(seconds)
            slot += slots
            if heights.saw_slot(slot) or heights.saw_slot(slot):
                assert heights.height >= slot - 100
            assert heights.slot == slot

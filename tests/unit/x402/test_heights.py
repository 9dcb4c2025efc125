import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.hash import Hash

from tillway.adapters.x402.answers import Blockhash
from tillway.adapters.x402.heights import BLOCKHASH_LIFE, STALE_AFTER_SLOTS, Heights
from tillway.core.errors import Unavailable


def _pair(slot: int, height: int) -> Blockhash:
    return Blockhash(hash=Hash.default(), last_valid_height=height + BLOCKHASH_LIFE, slot=slot)


class TestTheBound:
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=60))
    def test_is_never_below_the_chain(self, chain: list[tuple[bool, int]]) -> None:
        """Whatever slots are skipped, whichever nodes answer, however far they lag."""
        heights, history, height = Heights(), [(100, 50)], 50
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
        heights = Heights()
        heights.saw_blockhash(_pair(1_000, 900))
        heights.saw_slot(1_300)
        assert (heights.height, heights.height_at(1_100)) == (1_200, 1_000)
        heights.saw_slot(1_200)
        assert heights.slot == 1_300

    def test_a_node_that_lags_lowers_nothing(self) -> None:
        """Its pair knows of fewer skipped slots, so it can only raise the bound."""
        heights = Heights()
        heights.saw_blockhash(_pair(1_000, 900))
        heights.saw_blockhash(_pair(500, 450))
        assert (heights.slot, heights.height) == (1_000, 950)

    def test_is_made_better_by_new_pairs(self) -> None:
        """What was skipped meanwhile is learnt; old pairs are forgotten in time."""
        heights = Heights()
        heights.saw_blockhash(_pair(1_000, 900))
        for slot in (3_000, 3_001, 3_002, 3_003):
            heights.saw_blockhash(_pair(slot, slot - 200))
        assert heights.height == 2_803


class TestKnowing:
    def test_nothing_known_is_unavailable_and_not_zero(self) -> None:
        """A height of zero in a claim would prove its failure at once."""
        heights = Heights()
        heights.saw_slot(1_000)
        assert not heights.known
        with pytest.raises(Unavailable):
            _ = heights.height

    def test_a_pair_is_stale_after_some_minutes(self) -> None:
        """Then a new one is asked for."""
        heights = Heights()
        assert heights.stale
        heights.saw_blockhash(_pair(1_000, 900))
        assert not heights.stale
        heights.saw_slot(1_000 + STALE_AFTER_SLOTS)
        assert heights.stale

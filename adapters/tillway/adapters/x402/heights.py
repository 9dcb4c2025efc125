"""How far the chain has come, as far as anyone has told us."""

from collections import deque

from attrs import Factory, define, field

from tillway.adapters.x402.answers import Blockhash
from tillway.adapters.x402.errors import NodeFailed

BLOCKHASH_LIFE = 150
"""Blocks for which a blockhash is good (agave, MAX_PROCESSING_AGE)."""

STALE_AFTER_SLOTS = 1_500
"""About ten minutes; until then skipped slots make the bound a few dozen blocks too high."""

_PAIRS = 4


@define(kw_only=True)
class Heights:
    """The highest slot seen, and a number that no block height up to it can exceed.

    A slot adds at most one block, so the slots that were ever skipped never become fewer: a
    height that was true at one slot bounds the height of every later one. Of the last few pairs
    the one with the fewest skipped slots counts, so that one node's bad pair moves little.
    ``slot`` and ``height`` never fall but by fresh knowledge of skipped slots.
    """

    slot: int = 0
    _base_slot: int = -STALE_AFTER_SLOTS
    _skipped: deque[int] = field(default=Factory(lambda: deque(maxlen=_PAIRS)))

    @property
    def known(self) -> bool:
        """Tell whether a height can be given."""
        return bool(self._skipped)

    @property
    def stale(self) -> bool:
        """Tell whether a new pair would make the bound better."""
        return self.slot - self._base_slot >= STALE_AFTER_SLOTS

    @property
    def height(self) -> int:
        """The upper bound; raises Unavailable before any pair was seen."""
        return self.height_at(self.slot)

    def height_at(self, slot: int) -> int:
        """Give the upper bound at that slot; raises Unavailable before any pair was seen."""
        if not self._skipped:
            raise NodeFailed("no height is known", written=False)
        return max(0, slot - min(self._skipped))

    def saw_slot(self, slot: int) -> None:
        """Take note of a slot that a node answered at."""
        self.slot = max(self.slot, slot)

    def saw_blockhash(self, latest: Blockhash) -> None:
        """Take the pair that getLatestBlockhash tells: its slot, and its last height less 150."""
        self.saw_slot(latest.slot)
        height = max(0, latest.last_valid_height - BLOCKHASH_LIFE)
        self._skipped.append(max(0, latest.slot - height))
        self._base_slot = max(self._base_slot, latest.slot)

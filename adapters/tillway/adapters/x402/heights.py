"""How far the chain has come, as far as anyone has told us."""

from collections import deque
from datetime import UTC, datetime, timedelta

from attrs import Factory, define, field

from tillway.adapters.x402.answers import Blockhash
from tillway.adapters.x402.errors import NodeFailed
from tillway.core.ports.clock import Clock

BLOCKHASH_LIFE = 150
"""Blocks for which a blockhash is good (agave, MAX_PROCESSING_AGE)."""

STALE_AFTER_SLOTS = 1_500
"""About ten minutes; until then skipped slots make the bound a few dozen blocks too high."""

FASTEST = 10
"""Slots a second that no cluster reaches: one lasts 400 ms (agave, DEFAULT_MS_PER_SLOT)."""

MARGIN = 500
"""Slots by which nodes and clocks may differ besides."""

GENESIS = datetime(2020, 3, 16, tzinfo=UTC)
"""When the main cluster began; the other clusters are not ahead of it."""

_USUAL = 2.5
_PAIRS = 4
_MOST = 2**40
_DOUBTED_FOR = timedelta(seconds=30)


@define(kw_only=True)
class Heights:
    """The highest slot seen, and a number that no block height up to it can exceed.

    A slot adds at most one block, so the slots that were ever skipped never become fewer: a
    height that was true at one slot bounds the height of every later one. Of the last few pairs
    the one with the fewest skipped slots counts, so that one node's bad pair moves little.
    ``slot`` and ``height`` never fall but by fresh knowledge of skipped slots.

    A slot that lies further ahead than time has passed, by ``clock``, is not taken unless it is
    told twice running, within 30 s: one wrong answer would put off every proof of failure. The
    answer must then be thrown away as a whole. So the bound stays one of all that was learnt: a
    blockhash that a node's answer called alive is no younger than the slot that came with it.
    """

    clock: Clock = field(repr=False)
    slot: int = 0
    _told_at: datetime = field(default=GENESIS, init=False)
    _doubted: tuple[int, datetime] | None = field(default=None, init=False)
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

    def saw_slot(self, slot: int) -> bool:
        """Take note of a slot that a node answered at; False if its answer must not be used."""
        now = self.clock.now()
        if slot <= self.slot or self._can_be(slot, now):
            self._doubted = None
            self._take(slot, now)
            return True
        self._doubted = (slot, now)
        return False

    def _can_be(self, slot: int, now: datetime) -> bool:
        fastest = FASTEST if self.slot else _USUAL
        if slot <= self.slot + _reach(self._told_at, now, fastest):
            return True
        if self._doubted is None or slot > _MOST:
            return False
        doubted, at = self._doubted
        return now - at <= _DOUBTED_FOR and abs(slot - doubted) <= _reach(at, now, FASTEST)

    def _take(self, slot: int, now: datetime) -> None:
        if slot > self.slot:
            self.slot, self._told_at = slot, now

    def saw_blockhash(self, latest: Blockhash) -> bool:
        """Take the pair that getLatestBlockhash tells: its slot, and its last height less 150.

        The law is that of ``saw_slot``. No block is higher than its slot.
        """
        height = max(0, latest.last_valid_height - BLOCKHASH_LIFE)
        if height > latest.slot or not self.saw_slot(latest.slot):
            return False
        self._skipped.append(latest.slot - height)
        self._base_slot = max(self._base_slot, latest.slot)
        return True


def _reach(since: datetime, now: datetime, fastest: float) -> float:
    # A clock that was set back has shown no time; who tells the new slot is then asked twice.
    return MARGIN + fastest * max(0.0, (now - since).total_seconds())

"""The chain's own time: slots counted from a clock, and one blockhash for each."""

import hashlib
from collections.abc import Callable
from math import floor
from typing import Final

from attrs import define, field
from solders.hash import Hash

BLOCKHASH_WINDOW: Final = 150  # slots that a blockhash stays usable (Agave MAX_PROCESSING_AGE)
FINALITY: Final = 32  # slots until a block is rooted
SKIPPED: Final = 1_000  # heights lag behind slots on a real cluster; here by a constant
FIRST_SLOT: Final = 301_000
SLOTS_IN_EPOCH: Final = 432_000
_KEPT: Final = 2 * BLOCKHASH_WINDOW


@define(kw_only=True)
class Slots:
    """Slots follow the clock and never go back, whatever the clock does.

    Blockhashes are a function of seed and slot, so a jump of the clock by days costs
    no more than one window of them.
    """

    clock: Callable[[], float]
    seed: bytes = field(repr=False)
    slot_ms: int = 400
    first: int = FIRST_SLOT
    origin: float = field()
    now: int = field(init=False)
    _slot_of: dict[str, int] = field(factory=dict, init=False, repr=False)

    @origin.default
    def _from_clock(self) -> float:
        return self.clock()

    def __attrs_post_init__(self) -> None:
        """Begin at the first slot, with a window of blockhashes before it."""
        self.now = self.first
        self._remember(self.first - _KEPT, self.first)

    def advance(self, when: float) -> bool:
        """Go on to this clock reading; true when at least one slot has passed."""
        reached = self.at_time(when)
        if reached <= self.now:
            return False
        self._remember(max(self.now, reached - _KEPT) + 1, reached)
        self.now = reached
        return True

    def _remember(self, start: int, end: int) -> None:
        for slot in range(start, end + 1):
            self._slot_of[str(self.hash_of(slot))] = slot
        while len(self._slot_of) > _KEPT:
            del self._slot_of[next(iter(self._slot_of))]

    def at_time(self, when: float) -> int:
        """Give the slot of a clock reading, which may lie before the first."""
        # A microsecond of grace: 0.4 s over a float origin may read as 0.39999.
        return self.first + floor((when - self.origin + 1e-6) * 1000 / self.slot_ms)

    def time_of(self, slot: int) -> float:
        """Give the clock reading at which a slot begins."""
        return self.origin + (slot - self.first) * self.slot_ms / 1000

    def hash_of(self, slot: int) -> Hash:
        """Give the slot's blockhash."""
        return Hash(hashlib.sha256(self.seed + slot.to_bytes(8, "big")).digest())

    def slot_of(self, blockhash: str) -> int | None:
        """Give the slot that made a recent blockhash; None for unknown or long dead ones."""
        return self._slot_of.get(blockhash)

    def alive(self, blockhash: str, at: int) -> bool:
        """Whether a block at this slot would take a transaction with this blockhash."""
        slot = self._slot_of.get(blockhash)
        return slot is not None and slot <= at <= slot + BLOCKHASH_WINDOW


def height(slot: int) -> int:
    """Blocks up to this slot."""
    return slot - SKIPPED

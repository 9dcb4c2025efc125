"""Nodes that get worse by chance."""

import random
from collections.abc import Sequence
from typing import Final

from tillway.entrypoints.sandbox.chain import Faults, Kind

KINDS: Final = [kind for kind in Kind if kind not in (Kind.ANSWER, Kind.HANG)]
METHODS: Final = (
    *("sendTransaction", "getSignatureStatuses", "getEpochInfo", "getLatestBlockhash", "*"),
)


def worse(faults: Faults, chance: random.Random, now: float, delays: Sequence[int]) -> None:
    """Make a node bad in one more way; it may be silent or late, but does not lie.

    ``delays`` are those of transactions, in milliseconds.
    """
    match chance.randrange(6):
        case 0:
            faults.drop_next = chance.randrange(4)
        case 1:
            faults.behind_slots = chance.choice([0, 5, 40, 200])
        case 2:
            faults.frozen_at = now
        case 3:
            faults.deliver_after_ms = chance.choice(delays)
        case 4:
            faults.first_available_slot = chance.choice([0, 10**7])
        case _:
            faults.spoil(
                chance.choice(KINDS),
                chance.choice(METHODS),
                times=chance.randrange(1, 6),
                effective=chance.random() < 0.5,
            )

"""Committing: what was decided on a position becomes the next entry, or is decided again."""

import asyncio
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Final

from attrs import define, field

from tillway.adapters.stores.layered.layers import Layers
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.log import Changes, Log, entry
from tillway.adapters.stores.mongo.sight import Sight, SightTable
from tillway.adapters.stores.mongo.spreading import Spreader
from tillway.adapters.stores.mongo.tail import Tail

_LONGEST_PAUSE: Final = 0.05
_MICROS: Final = 1_000_000


@define(eq=False)
class Committer:
    """Write the log's next entries for one process."""

    tail: Tail
    log: Log
    spreader: Spreader
    mine: str
    patience: float
    jitter: Callable[[], float] = random.random
    _numbers: "count[int]" = field(init=False, factory=count)

    async def commit(self, position: int, changes: Changes) -> bool:
        """Commit changes that were decided on a position; False if others were first."""
        if self.tail.head > position:
            return False
        made, document = entry(
            position=position + 1,
            by=f"{self.mine}-{next(self._numbers)}",
            at=int(time.time() * _MICROS),
            done=self.spreader.told(),
            changes=changes,
        )
        try:
            committed = await self.log.append(document)
        except BaseException:
            # If it is there after all, it is to be found before anything is decided on.
            self.tail.seen = 0.0
            self.spreader.done += made.done
            raise
        if committed:
            self.tail.learn(made)
            return True
        self.spreader.done += made.done
        return False

    async def others(self, position: int, attempt: int) -> None:
        """Hear of whoever was first at the next position."""
        pause = 0.001 * 2 ** min(attempt, 6)
        await self.tail.refresh()
        while self.tail.head <= position:  # it is not with the majority yet
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))
            await self.tail.refresh()
        if attempt:
            await asyncio.sleep(self.jitter() * min(pause, _LONGEST_PAUSE))

    async def room(self) -> None:
        """Wait until enough is spread for more to be added."""
        deadline = time.monotonic() + self.patience
        while self.spreader.is_behind:
            if time.monotonic() > deadline:
                raise unavailable("cannot keep up") from self.spreader.failure
            self.spreader.wake()
            await asyncio.sleep(0.005)


async def changes_of(layers: Layers, sight: Sight) -> Changes:
    """Give what layers over a sight change in it."""
    changes = {}
    for name, layer in layers.each.items():
        if layer.own:
            table = SightTable(layer.table.kind, sight)
            before = await table.several(list(layer.own))
            pairs = {key: (before.get(key), row) for key, row in layer.own.items()}
            moved = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
            if moved:
                changes[name] = moved
    return changes

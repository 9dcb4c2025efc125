"""Keeping the log short, without ever letting a position be used again.

An entry that no reader needs is cut down to a stub, which keeps its place taken: a process that
was stopped for hours may still try to commit there. Stubs, and what marks rows that were taken
out, are removed when no connection of such a process can be left.
"""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from attrs import define, field
from bson import Int64

from tillway.adapters.stores.layered.kinds import KINDS
from tillway.adapters.stores.mongo.documents import collection
from tillway.adapters.stores.mongo.driver import Condition, Database
from tillway.adapters.stores.mongo.log import LOG
from tillway.adapters.stores.mongo.marks import advance, position

_DAY: Final = 86_400.0
_MICROS: Final = 1_000_000
_PAGE: Final = 1_000


@define(eq=False)
class Trimming:
    """Cut entries that are ``keep`` positions and ``keep_for`` seconds old, in steps of ``step``.

    Stubs go after ``forget_after`` seconds. Once it is ``over``, no other page is begun.
    """

    database: Database
    keep: int = 1_000
    keep_for: float = 600.0
    forget_after: float = 30 * _DAY
    step: int = 512
    over: bool = field(init=False, default=False)
    _looked: int = field(init=False, default=0)
    _forgot: float = field(init=False, default=float("-inf"))

    def is_due(self, applied: int) -> bool:
        """Tell whether there is enough to do. Everything up to ``applied`` is in the tables."""
        return applied - self.keep - self._looked >= self.step

    async def run(self, applied: int) -> None:
        """Do what is due. Everything up to ``applied`` is written to be in the tables."""
        if not self.is_due(applied):
            return
        self._looked = applied - self.keep
        await self._cut(self._looked)
        if time.monotonic() - self._forgot > self.forget_after / 720:
            self._forgot = time.monotonic()
            await self._forget(self._looked)

    async def _cut(self, last: int) -> None:
        async for spent in self._spent("trimmed", last, self.keep_for):
            await self.database.update(LOG, _at(spent), {"$unset": {"rows": ""}})

    async def _forget(self, last: int) -> None:
        async for spent in self._spent("forgotten", last, self.forget_after):
            await self.database.delete(LOG, _at(spent))
        for kind in KINDS:
            if self.over:
                return
            await self.database.delete(
                collection(kind.name), {"gone": {"$lt": Int64(_micros_ago(self.forget_after))}}
            )

    async def _spent(self, mark: str, last: int, age: float) -> AsyncIterator[Sequence[int]]:
        """Give positions that are old enough, some at a time, and mark how far that is done."""
        first, oldest = await position(self.database, mark), _micros_ago(age)
        while first < last and not self.over:
            part = range(first + 1, min(first + _PAGE, last) + 1)
            found = await self.database.find(LOG, _at(part), only=["at"])
            young = min((int(each["_id"]) for each in found if each["at"] >= oldest), default=None)
            spent = part if young is None else range(part.start, young)
            if spent:
                yield spent
                await advance(self.database, mark, spent[-1])
            if young is not None:
                return
            first = spent[-1]


def _at(positions: Iterable[int]) -> Condition:
    return {"_id": {"$in": [Int64(n) for n in positions]}}


def _micros_ago(seconds: float) -> int:
    return int((time.time() - seconds) * _MICROS)

"""Keeping the log short, without ever letting a position be used again.

An entry that no reader needs is cut down to a stub, which keeps its place taken: a process that
was stopped for hours may still try to commit there. Stubs, and what marks rows that were taken
out, are removed when no connection of such a process can be left.
"""

import time
from typing import Final

from attrs import define, field
from bson import Int64

from tillway.adapters.stores.layered.kinds import KINDS
from tillway.adapters.stores.mongo.documents import collection
from tillway.adapters.stores.mongo.driver import Condition, Database
from tillway.adapters.stores.mongo.log import LOG
from tillway.adapters.stores.mongo.marks import advance, trimmed

_DAY: Final = 86_400.0
_MICROS: Final = 1_000_000
_PAGE: Final = 1_000


@define(eq=False)
class Trimming:
    """Cut entries that are ``keep`` positions and ``keep_for`` seconds old, in steps of ``step``.

    Stubs go after ``forget_after`` seconds.
    """

    database: Database
    keep: int = 1_000
    keep_for: float = 600.0
    forget_after: float = 30 * _DAY
    step: int = 512
    _looked: int = field(init=False, default=0)
    _forgot: float = field(init=False, default=float("-inf"))

    async def run(self, applied: int) -> None:
        """Do what is due. Everything up to ``applied`` is written to be in the tables."""
        if applied - self.keep - self._looked < self.step:
            return
        self._looked = applied - self.keep
        await self._cut(self._looked)
        if time.monotonic() - self._forgot > self.forget_after / 720:
            self._forgot = time.monotonic()
            await self._forget(self._looked)

    async def _cut(self, last: int) -> None:
        first = await trimmed(self.database)
        part = {"$gt": Int64(first), "$lte": Int64(last)}
        spent = {"_id": part, "at": _older(self.keep_for)}
        newest = await self.database.find(LOG, spent, only=["at"], sort=[("_id", -1)], limit=1)
        if newest:
            end = newest[0]["_id"]
            part = {"$gt": Int64(first), "$lte": end}
            await self.database.update(LOG, {"_id": part}, {"$unset": {"rows": ""}})
            await advance(self.database, "trimmed", int(end))

    async def _forget(self, last: int) -> None:
        old = _older(self.forget_after)
        while True:
            page = await self.database.find(
                LOG,
                {"_id": {"$lte": Int64(last)}},
                only=["at"],
                sort=[("_id", 1)],
                limit=_PAGE,
            )
            spent = [each["_id"] for each in page if each["at"] < old["$lt"]]
            if spent:
                await self.database.delete(LOG, {"_id": {"$in": spent}})
            if len(spent) < _PAGE:
                break
        for kind in KINDS:
            await self.database.delete(collection(kind.name), {"gone": old})


def _older(seconds: float) -> Condition:
    return {"$lt": Int64(int((time.time() - seconds) * _MICROS))}

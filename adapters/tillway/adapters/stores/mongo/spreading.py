"""Bringing what the log says into the tables.

A row is written with the position of the entry that it is from, and never in the place of one of
a later entry. So an entry may be spread by anybody, again, late, and out of turn.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, field, frozen
from bson import Int64

from tillway.adapters.stores.mongo.documents import collection
from tillway.adapters.stores.mongo.driver import Database, Document
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.log import Entry
from tillway.adapters.stores.mongo.marks import advance, position
from tillway.adapters.stores.mongo.tail import Tail
from tillway.adapters.stores.mongo.trimming import Trimming
from tillway.core.errors import Unavailable

_log = logging.getLogger(__name__)

_GRACE: Final = 0.25
"""Seconds in which whoever wrote an entry brings it into the tables himself."""

_PAUSE: Final = 1.0
_MOST: Final = 256
_TRIES: Final = 5
_MARK_EVERY: Final = 64
_IDLE: Final = 0.1
"""Seconds after which it is written how far we are, though it is not far."""


@frozen
class Image:
    """A row's document; ``is_new`` if there was no row before."""

    document: Document
    is_new: bool


Images = Mapping[str, Mapping[str, Image]]
"""By kind and ``_id``."""


def images(entries: Iterable[Entry]) -> Images:
    """Give the last image of each row that entries name, in their order."""
    found: dict[str, dict[str, Image]] = {}
    for entry in entries:
        for kind, name, is_new, fields in entry.images:
            rows = found.setdefault(kind, {})
            body = {"gone": Int64(entry.at)} if fields is None else fields
            document = {"_id": name, "n": Int64(entry.position), **body}
            rows[name] = Image(document, rows[name].is_new if name in rows else is_new)
    return found


async def spread(database: Database, entries: Iterable[Entry]) -> None:
    """Bring entries into the tables."""
    parts = (_written(database, kind, each) for kind, each in images(entries).items())
    await asyncio.gather(*parts)


async def _written(database: Database, kind: str, rows: Mapping[str, Image]) -> None:
    place = collection(kind)
    fresh = [each.document for each in rows.values() if each.is_new]
    older = [each.document for each in rows.values() if not each.is_new]
    for _ in range(_TRIES):
        inserted, replaced = await asyncio.gather(
            _inserted(database, place, fresh), _replaced(database, place, older)
        )
        if inserted + replaced == len(fresh) + len(older):
            return
        # Somebody else is at it, or was: what is left is found by looking.
        left = {document["_id"]: document for document in (*fresh, *older)}
        known = await _positions(database, place, left)
        fresh = [document for name, document in left.items() if name not in known]
        older = [each for name, each in left.items() if known.get(name, each["n"]) < each["n"]]
        if not fresh and not older:
            return
    # A unique index stands behind the log's order: this cannot be, and must not pass.
    raise unavailable(f"refuses rows of {kind} that were committed")


async def _inserted(database: Database, place: str, documents: Sequence[Document]) -> int:
    return await database.insert(place, documents) if documents else 0


async def _replaced(database: Database, place: str, documents: Sequence[Document]) -> int:
    changes = [({"_id": each["_id"], "n": {"$lt": each["n"]}}, each) for each in documents]
    return await database.replace(place, changes) if changes else 0


async def _positions(
    database: Database, place: str, documents: Mapping[str, Document]
) -> Mapping[str, int]:
    found = await database.find(place, {"_id": {"$in": list(documents)}}, only=["n"])
    return {document["_id"]: int(document["n"]) for document in found}


@define(eq=False)
class Spreader:
    """Bring entries into the tables, our own at once and those of others if they do not.

    It works beside everything else; what is not spread yet is read from the log.
    """

    database: Database
    tail: Tail
    mine: str
    trimming: Trimming
    done: list[int] = field(init=False, factory=list)
    failure: Exception | None = field(init=False, default=None)
    _wanted: asyncio.Event = field(init=False, factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = field(init=False, default=None)
    _cutting: "asyncio.Task[None] | None" = field(init=False, default=None)
    _over: bool = field(init=False, default=False)
    _marked: int = field(init=False, default=0)
    _marked_at: float = field(init=False, default=0.0)

    @property
    def is_behind(self) -> bool:
        """Tell whether so much is left to be spread that nothing should be added."""
        return len(self.tail.entries) >= _MOST

    def check(self) -> None:
        """Raise Unavailable while the tables take nothing of what was committed."""
        if self.failure is not None:
            raise unavailable("cannot keep up") from self.failure

    def wake(self) -> None:
        """See to what is there now."""
        self._wanted.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())

    def told(self) -> Sequence[int]:
        """Give the positions that are in the tables and that nobody has been told of yet."""
        told, self.done = self.done, []
        return told

    async def aclose(self) -> None:
        """Spread what is ours, as far as the database lets us, and stop."""
        task, self._task = self._task, None
        # What ran in another loop has ended with it.
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            # To its end: what the driver has begun is not undone by not waiting for it.
            self._over = True
            self._wanted.set()
            self.trimming.over = True
            await asyncio.wait([task] if self._cutting is None else [task, self._cutting])
            with suppress(Unavailable):  # whoever comes next does it
                await self.once()
                await self._mark()

    async def once(self, *, grace: float = 0.0) -> bool:
        """Spread what nobody has; tell whether something is left to others for now."""
        entries, until = self.tail.unspread(), time.monotonic() - grace
        due = [each for each in entries if self._is_ours(each) or each.heard < until]
        if any(not self._is_ours(each) for each in due):
            mark = await position(self.database, "applied")
            self.tail.spread(range(self.tail.base + 1, mark + 1))
            due = [each for each in due if each.position > self.tail.base]
        if due:
            await spread(self.database, due)
            positions = [each.position for each in due]
            self.tail.spread(positions)
            self.done = [*self.done, *positions][-_MOST:]
        return len(due) < len(entries)

    def _is_ours(self, entry: Entry) -> bool:
        return entry.by.startswith(self.mine)

    async def _work(self) -> None:
        while not self._over:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                if await self.once(grace=_GRACE):
                    self._again(_GRACE)
                await self._kept_short()
                self.failure = None
            except Exception as error:  # it has to be tried again, whatever it was
                self.failure = error
                self._again(_PAUSE)

    def _again(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wanted.set)

    async def _kept_short(self) -> None:
        behind = self.tail.base - self._marked
        if behind >= _MARK_EVERY or (behind and time.monotonic() - self._marked_at > _IDLE):
            await self._mark()
        elif behind:
            self._again(_IDLE)
        if self.trimming.is_due(self._marked) and (self._cutting is None or self._cutting.done()):
            self._cutting = asyncio.ensure_future(self._cut())

    async def _cut(self) -> None:
        # Beside the spreading, for which everybody waits: a month's stubs may take a while.
        try:
            await self.trimming.run(self._marked)
        except Exception as error:  # the next time goes on where this one has ended
            _log.warning("MongoDB's log is not cut: %s", error)

    async def _mark(self) -> None:
        base, self._marked_at = self.tail.base, time.monotonic()
        if base > self._marked:
            await advance(self.database, "applied", base)
            self._marked = base

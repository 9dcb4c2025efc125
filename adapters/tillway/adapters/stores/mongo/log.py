"""The log: one document for what was committed together, one after the other.

The position is the document's ``_id``. A unit is decided on a position and committed by inserting
the next; if that is taken, somebody else was first. Positions are never used again: what is no
longer needed of a document is taken out of it, and the rest stays for a month.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen
from bson import Int64

from tillway.adapters.stores.layered.kinds import KINDS, Key, Kind
from tillway.adapters.stores.mongo.documents import id_of, key_of, read, written
from tillway.adapters.stores.mongo.driver import Database, Document
from tillway.adapters.stores.mongo.faults import unavailable, was_sent
from tillway.core.errors import Unavailable

LOG: Final = "tillway_log"
_PAGE: Final = 32
_PAUSE: Final = 0.01
_KINDS: Final[Mapping[str, Kind[Any]]] = {kind.name: kind for kind in KINDS}

Before = Any
After = Any
Changes = Mapping[str, Mapping[Key, tuple[Before, After]]]
"""By kind and key: the row before and after. None where there is none."""


class Trimmed(Exception):
    """The log does not reach back so far."""


@frozen(kw_only=True)
class Entry:
    """What was committed together, at a position.

    ``by`` tells whose it is. ``done`` are positions that its writer knows to be spread.
    ``images`` are the rows after it as documents, also of kinds that this version lacks: their
    kind, their ``_id``, whether they are new, their fields. It was ``heard`` of at that time.
    """

    position: int
    by: str
    at: int
    done: Sequence[int]
    changes: Changes
    images: Sequence[tuple[str, str, bool, Document | None]] = field(repr=False)
    heard: float = field(init=False, factory=time.monotonic)


def entry(
    *, position: int, by: str, at: int, done: Sequence[int], changes: Changes
) -> tuple[Entry, Document]:
    """Give an entry and its document."""
    rows = [
        {
            "t": name,
            "k": id_of(key),
            "b": None if before is None else written(_KINDS[name], before),
            "a": None if after is None else written(_KINDS[name], after),
        }
        for name, each in changes.items()
        for key, (before, after) in each.items()
    ]
    document = {
        "_id": Int64(position),
        "by": by,
        "at": Int64(at),
        "done": [Int64(each) for each in done],
        "rows": rows,
    }
    made = Entry(position=position, by=by, at=at, done=done, changes=changes, images=_images(rows))
    return made, document


@frozen
class Log:
    """The log in its collection. Whoever waits for it does so at most ``patience`` seconds."""

    database: Database
    patience: float

    async def after(self, position: int) -> list[Entry]:
        """Give the entries after a position, in their order. Trimmed if some are no more."""
        found: list[Entry] = []
        while True:
            start = position + 1 + len(found)
            wanted = [Int64(n) for n in range(start, start + _PAGE)]
            page = await self.database.find(LOG, {"_id": {"$in": wanted}})
            page.sort(key=lambda document: document["_id"])
            for n, document in enumerate(page, start):
                if document["_id"] != n or "rows" not in document:
                    raise Trimmed
                found.append(_read(document))
            if len(page) < _PAGE:
                return found

    async def append(self, document: Document) -> bool:
        """Commit; False if the position is somebody else's.

        A write that was cut off is looked up until it is known what became of it. Unavailable
        if that cannot be known: then it is committed or not, as after a crash.
        """
        try:
            async with asyncio.timeout(self.patience):
                taken = await self._tried(document)
                while taken is None:
                    await asyncio.sleep(_PAUSE)
                    taken = await self._tried(document)
                return taken
        except TimeoutError as late:
            raise unavailable("does not answer") from late

    async def _tried(self, document: Document) -> bool | None:
        try:
            if await self.database.insert(LOG, [document]):
                return True
        except Unavailable as failure:
            if not was_sent(failure):
                raise
        try:
            found = await self.database.find(LOG, {"_id": document["_id"]}, only=["by"])
        except Unavailable:
            return None
        # What is there but not yet with the majority is not found, and may yet be lost.
        return bool(found[0]["by"] == document["by"]) if found else None


def _read(document: Document) -> Entry:
    changes: dict[str, dict[Key, tuple[Any, Any]]] = {}
    for row in document["rows"]:
        kind = _KINDS.get(row["t"])
        if kind is not None:
            pair = (_row(kind, row["b"]), _row(kind, row["a"]))
            changes.setdefault(kind.name, {})[key_of(row["k"])] = pair
    return Entry(
        position=int(document["_id"]),
        by=document["by"],
        at=int(document["at"]),
        done=[int(each) for each in document["done"]],
        changes=changes,
        images=_images(document["rows"]),
    )


def _row(kind: Kind[Any], fields: Document | None) -> Any:
    return None if fields is None else read(kind, fields)


def _images(rows: Sequence[Document]) -> list[tuple[str, str, bool, Document | None]]:
    return [(row["t"], row["k"], row["b"] is None, row["a"]) for row in rows]

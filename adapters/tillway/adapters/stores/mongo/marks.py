"""A few documents of one: the format, how far everything is spread, and whose turn it is."""

import random
import time
from typing import Final

from bson import Int64

from tillway.adapters.stores.mongo.driver import Database
from tillway.adapters.stores.mongo.faults import unavailable

MARKS: Final = "tillway_marks"
FORMAT: Final = 1


async def prepare(database: Database, place: str) -> None:
    """Make the marks, or refuse a format that is newer than ours."""
    marks = (
        {"_id": "format", "version": FORMAT},
        {"_id": "applied", "n": Int64(0)},
        {"_id": "trimmed", "n": Int64(0)},
        {"_id": "forgotten", "n": Int64(0)},
        {"_id": "payers", "n": Int64(0)},
        {"_id": "turn", "by": "", "until": Int64(0)},
    )
    await database.insert(MARKS, [dict(mark) for mark in marks])
    found = await database.find(MARKS, {"_id": "format"})
    version = found[0]["version"] if found else FORMAT
    if version > FORMAT:
        raise unavailable(f"at {place} was made by a newer version of Tillway (format {version})")


async def position(database: Database, mark: str) -> int:
    """Tell up to which position everything is "applied", "trimmed" or "forgotten".

    Of "payers" it is the time since which there may be payments to list.
    """
    found = await database.find(MARKS, {"_id": mark})
    return int(found[0]["n"]) if found else 0


async def advance(database: Database, mark: str, position: int) -> None:
    """Write how far a mark is; never less than is written."""
    change = {"$set": {"n": Int64(position)}}
    await database.update(MARKS, {"_id": mark, "n": {"$lt": Int64(position)}}, change)


async def take_turn(database: Database, by: str, seconds: float) -> bool:
    """Take the turn for so long, if it is nobody's; tell whether it is ours."""
    now = _millis()
    free = {"_id": "turn", "$or": [{"by": by}, {"until": {"$lt": Int64(now)}}]}
    ours = {"$set": {"by": by, "until": Int64(now + int(seconds * 1000))}}
    return await database.update(MARKS, free, ours) > 0


async def pass_turn(database: Database, by: str) -> None:
    """Give the turn back, if it is ours."""
    await database.update(MARKS, {"_id": "turn", "by": by}, {"$set": {"until": Int64(0)}})


def pause() -> float:
    """Give a time to wait for a turn that another has, in seconds, so that none wait in step."""
    return random.uniform(0.001, 0.006)  # noqa: S311 - nobody gains by guessing it


def _millis() -> int:
    # Clocks that differ cost time, not safety: the log decides who was first.
    return int(time.time() * 1000)

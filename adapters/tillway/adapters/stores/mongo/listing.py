"""Payments of before there was a list of a payer's: they are brought into it at each start.

What a process of the version before settles meanwhile lacks the mark of that list too, and is
found by the next start, which looks a day further back than the last one began.
"""

import time
from collections.abc import Sequence
from typing import Final

from tillway.adapters.stores.layered.kinds import PAYMENTS
from tillway.adapters.stores.layered.layers import Span
from tillway.adapters.stores.mongo.documents import (
    collection,
    matching,
    read,
    sorting,
    written,
)
from tillway.adapters.stores.mongo.driver import Condition, Database, Document
from tillway.adapters.stores.mongo.marks import advance, position
from tillway.core.payments import State

_PAGE: Final = 500
_DAY: Final = 24 * 3600 * 1_000_000
_TABLE: Final = collection(PAYMENTS.name)
_ORDER: Final = "over"


async def list_payers(database: Database) -> None:
    """Bring settled payments into the lists of their payers. A repeat finds nothing to do.

    What is watched yet is written again, and so listed, once it is final.
    """
    since, begun = await position(database, "payers"), time.time_ns() // 1000
    while page := await _left(database, since):
        await database.replace(_TABLE, [_listed(each) for each in page])
        since = int(page[-1]["created_at"])
    await advance(database, "payers", begun - _DAY)


async def _left(database: Database, since: int) -> Sequence[Document]:
    """Give payments that are not listed, the oldest first."""
    span = Span(since=(since,))
    unlisted = {"state": State.SETTLED.value, "in_of_payer": {"$exists": False}}
    condition: Condition = {"$and": [matching(PAYMENTS, _ORDER, (), span), unlisted]}
    sort = sorting(PAYMENTS, _ORDER, backwards=False)
    return await database.find(_TABLE, condition, sort=sort, limit=_PAGE)


def _listed(document: Document) -> tuple[Condition, Document]:
    """Give the document as this version writes it, unless it was written meanwhile."""
    same = {"_id": document["_id"], "n": document["n"]}
    return same, same | written(PAYMENTS, read(PAYMENTS, document))

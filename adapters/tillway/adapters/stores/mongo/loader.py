"""Looking rows up: whoever asks in the same moment shares a question."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from tillway.adapters.stores.layered.kinds import Key, Kind, R
from tillway.adapters.stores.layered.layers import Span
from tillway.adapters.stores.mongo.documents import (
    collection,
    id_of,
    key_of,
    matching,
    matching_one_of,
    read,
    sorting,
)
from tillway.adapters.stores.mongo.driver import Database, Document
from tillway.adapters.stores.promises import own_of

_MOST: Final = 500

Found = Mapping[Key, Any]

State = tuple[int, R | None]
"""The position of the entry that a row is from, and the row; None if that took it out."""
Waiting = list[tuple[Sequence[Key], "asyncio.Future[Found]"]]
Ask = Callable[[Sequence[Key]], Coroutine[Any, Any, Found]]


@define(eq=False)
class Loader:
    """Look rows up as the tables have them just now."""

    database: Database
    _waiting: dict[Hashable, Waiting] = field(init=False, factory=dict)
    _asking: set["asyncio.Task[None]"] = field(init=False, factory=set)

    async def several(self, kind: Kind[R], keys: Sequence[Key]) -> Mapping[Key, State[R]]:
        """Give the rows with these keys, as far as there are or have been any."""

        async def ask(wanted: Sequence[Key]) -> Found:
            condition = {"_id": {"$in": [id_of(key) for key in wanted]}}
            found = await self.database.find(collection(kind.name), condition)
            return {key_of(each["_id"]): (int(each["n"]), _row(kind, each)) for each in found}

        return await self._asked(kind.name, ask, keys)

    async def only(self, kind: Kind[R], order: str, group: Key) -> Sequence[R]:
        """Give the row of a group in a unique order."""

        async def ask(wanted: Sequence[Key]) -> Found:
            condition = matching_one_of(kind, order, wanted)
            found = await self.database.find(collection(kind.name), condition)
            rows = (read(kind, each) for each in found)
            return {kind.orders[order].group_of(row) or (): row for row in rows}

        return list((await self._asked((kind.name, order), ask, [group])).values())

    async def scan(self, kind: Kind[R], order: str, group: Key, span: Span) -> Sequence[R]:
        """Give a group's rows in their order."""
        documents = await self.database.find(
            collection(kind.name),
            matching(kind, order, group, span),
            sort=sorting(kind, order, backwards=span.backwards),
            limit=span.limit,
        )
        return [read(kind, document) for document in documents]

    async def _asked(self, what: Hashable, ask: Ask, keys: Sequence[Key]) -> Found:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()
        if what not in self._waiting:
            self._waiting[what] = []
            loop.call_soon(self._begin, what, ask)
        self._waiting[what].append((keys, answer))
        found = await answer
        return {key: found[key] for key in keys if key in found}

    def _begin(self, what: Hashable, ask: Ask) -> None:
        task = asyncio.ensure_future(_answer(ask, self._waiting.pop(what)))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


def _row(kind: Kind[R], document: Document) -> R | None:
    return None if "gone" in document else read(kind, document)


async def _answer(ask: Ask, waiting: Waiting) -> None:
    try:
        keys = list(dict.fromkeys(key for wanted, _ in waiting for key in wanted))
        parts = [keys[n : n + _MOST] for n in range(0, len(keys), _MOST)]
        found: dict[Key, Any] = {}
        for part in await asyncio.gather(*map(ask, parts)):
            found |= part
    except Exception as error:  # whoever waits has to hear of it
        for _, answer in waiting:
            if not answer.done():
                answer.set_exception(own_of(error))
        return
    for _, answer in waiting:
        if not answer.done():
            answer.set_result(found)

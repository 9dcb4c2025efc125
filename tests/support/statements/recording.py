"""Have the real store go through the scenario, and write down what it sends."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from attrs import define, evolve, field

from support.statements.records import Done, Sent
from support.statements.replaying import replay
from support.statements.scenario import OPERATIONS
from tillway.core.ports.store import Store

Opens = Callable[["Ear"], Store]


@define
class Ear:
    """Hears what is sent while it listens, on connections that it numbers as they speak."""

    listens: bool = False
    heard: list[Sent] = field(factory=list)
    _known: list[object] = field(factory=list)

    def hear(self, connection: object, sql: str, values: Sequence[Any] = ()) -> None:
        """Write down one statement."""
        if not self.listens:
            return
        if connection not in self._known:
            self._known.append(connection)
        number = self._known.index(connection)
        self.heard.append(Sent(connection=number, sql=sql, values=list(values)))

    def listen(self) -> None:
        """Begin anew."""
        self.listens, self.heard, self._known = True, [], []


async def recorded(place: str, again: str) -> Sequence[Done]:
    """Record the present store's statements at an empty place, and their answers at another."""
    ear = Ear()
    opened = _postgres(place, ear) if place.startswith("postgresql://") else _sqlite(place, ear)
    record = [await _one(opened, ear, name) for name in OPERATIONS]
    await _prepared(again)
    return [await _answered(again, done) for done in record]


async def _one(opens: Callable[[], Store], ear: Ear, name: str) -> Done:
    store = opens()
    await store.start()
    ear.listen()
    await OPERATIONS[name](store)
    await store.aclose()
    ear.listens = False
    return Done(name=name, sent=ear.heard)


async def _answered(place: str, done: Done) -> Done:
    answers = await replay(place, done)
    pairs = zip(done.sent, answers, strict=True)
    return evolve(done, sent=[evolve(each, rows=rows) for each, rows in pairs])


async def _prepared(place: str) -> None:
    from support.store_places import store_at

    store = store_at(place)
    await store.start()
    await store.aclose()


def _sqlite(place: str, ear: Ear) -> Callable[[], Store]:
    """Listen to every connection that a thread of this process opens from here on."""
    from tillway.adapters.stores.sqlite import SqliteStore

    def hear(connection: sqlite3.Connection, sql: str) -> None:
        # A statement is told of again for each trigger that it sets off.
        if not ear.heard or ear.heard[-1].sql != sql:
            ear.hear(connection, sql)

    def profiled(_: FrameType, event: str, given: object) -> None:
        if event == "return" and isinstance(given, sqlite3.Connection):
            given.set_trace_callback(lambda sql: hear(given, sql))

    threading.setprofile(profiled)
    return lambda: SqliteStore(Path(place))


def _postgres(place: str, ear: Ear) -> Callable[[], Store]:
    from support.statements.watched import watched_store

    return lambda: watched_store(place, ear)

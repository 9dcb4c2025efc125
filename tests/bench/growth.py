"""What a payment costs when few are stored, and when many are.

Two databases of one kind take turns, so that the ratio is measured on the same machine in the
same minute. One call at a time: the median of many.
"""

import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import uvloop
from attrs import define, field, frozen

from bench.bench import Bench
from bench.filling import LEFT, fill_postgres, fill_sqlite, key_at, read_through
from bench.plans import postgres_plans, sqlite_plans
from bench.report import Aim, Report, micros, times
from bench.sales import Sale, sales
from bench.servers import Postgres, postgres
from bench.spread import median
from bench.store import steps_of
from support.manual_clock import ManualClock
from tillway.adapters.stores.postgres import PostgresStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import CHAIN, NOW
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.tenancy import DEFAULT

FEW: Final = 1_000
MANY: Final = 100_000
VERY_MANY: Final = 1_000_000
FLAT: Final = 1.5
_ROUNDS: Final = 6
_EACH: Final = 40
_LATER: Final = NOW + timedelta(days=1)
_SHOWN: Final = 20
_TAKEN: Final = 10

Plans = Callable[[str], Awaitable[Sequence[str]]]
Took = dict[str, list[float]]


@define(eq=False)
class Grown:
    """A store with so many payments, and how long its calls took."""

    store: Any
    count: int
    plans: Plans
    took: Took = field(factory=dict)
    _numbers: "itertools.count[int]" = field(init=False, factory=itertools.count)
    _draw: random.Random = field(init=False, factory=lambda: random.Random(1))
    _sequencer: Sequencer = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Have somebody who seals."""
        self._sequencer = Sequencer(store=self.store, clock=ManualClock(_LATER), owner="bench")

    async def measure(self, times: int) -> None:
        """Make each call some times."""
        claim, settle = steps_of(self.store)

        async def pay(sale: Sale) -> None:
            await claim(sale)
            await settle(sale)

        for sale in sales(self._numbers, times):
            await self._timed("pay", pay(sale))
        await self._timed("seal", self._sequencer.sweep(), each=2 * times)
        for _ in range(times):
            await self._timed("find", self._find())
            await self._timed("by_signature", self._by_signature())
            await self._timed("newest", self._newest())
            await self._timed("take_over", self._take_over())

    async def _timed(self, what: str, call: Awaitable[object], each: int = 1) -> None:
        began = time.perf_counter()
        await call
        self.took.setdefault(what, []).append((time.perf_counter() - began) / each)

    def _any(self) -> int:
        return self._draw.randint(LEFT + 1, self.count)

    async def _find(self) -> None:
        async with self.store.view(once=True) as view:
            assert await view.payments.find(CHAIN, key_at(self._any())) is not None

    async def _by_signature(self) -> None:
        async with self.store.view(once=True) as view:
            signature = f"filled-{self._any()}"
            assert await view.payments.by_signature(DEFAULT, signature) is not None

    async def _newest(self) -> None:
        async with self.store.view(once=True) as view:
            assert len(await view.payments.newest(DEFAULT, _SHOWN)) == _SHOWN

    async def _take_over(self) -> None:
        async with self.store.begin(once=True) as unit:
            # Until a time that is over as well, so that they can be taken again.
            taken = await unit.payments.take_over("bench", _LATER, NOW, _TAKEN)
            assert len(taken) == _TAKEN


@frozen
class Pair:
    """Two stores of one kind."""

    name: str
    few: Grown
    many: Grown


def measure(bench: Bench) -> Iterator[Report]:
    """Fill each kind of store twice, and compare the two."""
    with postgres() as sql:
        yield from uvloop.run(_measured(bench, sql))


async def _measured(bench: Bench, sql: Postgres | None) -> Sequence[Report]:
    reports: list[Report] = []
    async with AsyncExitStack() as stack:
        pairs = [await stack.enter_async_context(_pair("file", _file, bench))]
        if sql is not None:
            await sql.databases.prepare()

            async def server(bench: Bench, count: int) -> Grown:
                return await _database(sql, count)

            pairs.append(await stack.enter_async_context(_pair("postgres", server, bench)))
        _warm(bench, sql)
        for pair in pairs:
            await pair.few.measure(_EACH)
            await pair.many.measure(_EACH)
            pair.few.took.clear()
            pair.many.took.clear()
        for _, pair in itertools.product(range(_ROUNDS), pairs):
            await pair.few.measure(_EACH)
            await pair.many.measure(_EACH)
        for pair in pairs:
            reports += await _reports(pair)
    return reports


def _warm(bench: Bench, sql: Postgres | None) -> None:
    """Have everything in the memory of the machine: filling one store pushes others out of it."""
    read_through(bench.folder.glob("grown-*.db"))
    if sql is not None:
        tables = sql.databases.server.folder / "data" / "base"
        read_through(path for path in tables.rglob("*") if path.is_file())


@asynccontextmanager
async def _pair(
    name: str, made: Callable[[Bench, int], Awaitable[Grown]], bench: Bench
) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        both = []
        for count in (FEW, VERY_MANY if bench.full else MANY):
            grown = await made(bench, count)
            stack.push_async_callback(grown.store.aclose)
            both.append(grown)
        yield Pair(name, *both)


async def _file(bench: Bench, count: int) -> Grown:
    path = bench.folder / f"grown-{count}.db"
    store = SqliteStore(path)
    await store.start()
    first = await _first(store)
    fill_sqlite(path, first.claim.key, count)

    async def plans(what: str) -> Sequence[str]:
        return sqlite_plans(path, what)

    return Grown(store, count, plans)


async def _database(sql: Postgres, count: int) -> Grown:
    name = await sql.databases.fresh()
    url = sql.databases.server.url(name)
    store = PostgresStore(url)
    await store.start()
    first = await _first(store)
    await fill_postgres(sql.databases, name, first.claim.key, count)

    async def plans(what: str) -> Sequence[str]:
        return await postgres_plans(url.reveal(), what)

    return Grown(store, count, plans)


async def _first(store: Any) -> Sale:
    """Write the payment that is copied, and seal its facts."""
    sale = Sale.of("first")
    for step in steps_of(store):
        await step(sale)
    sequencer = Sequencer(store=store, clock=ManualClock(_LATER), owner="bench")
    assert await sequencer.sweep() == 2
    return sale


async def _reports(pair: Pair) -> Sequence[Report]:
    few = {what: median(took) for what, took in pair.few.took.items()}
    many = {what: median(took) for what, took in pair.many.took.items()}
    worst = max(many[what] / few[what] for what in few)
    main = Report(
        title=f"growth: one call on {pair.name}, by how many payments are stored",
        columns=("call", f"{pair.few.count:,}: us", f"{pair.many.count:,}: us", "ratio"),
        rows=[
            (_CALLS[what], micros(few[what]), micros(many[what]), times(many[what], few[what]))
            for what in few
        ],
        aims=[Aim(f"{pair.name}: flat, within {FLAT}x (here {worst:.2f}x)", worst <= FLAT)],
    )
    steep = [what for what in few if many[what] / few[what] > FLAT]
    return [main, *[await _plans(pair, what) for what in steep]]


_CALLS: Final[Mapping[str, str]] = {
    "pay": "claim and settle",
    "seal": "sealing one fact, of 80",
    "find": "find",
    "by_signature": "by_signature",
    "newest": f"newest, {_SHOWN} of them",
    "take_over": f"take_over, {_TAKEN} of them",
}


async def _plans(pair: Pair, what: str) -> Report:
    return Report(
        title=f"growth: plans of {_CALLS[what]} on {pair.name}",
        columns=("plan",),
        rows=[(plan,) for plan in await pair.many.plans(what)],
    )

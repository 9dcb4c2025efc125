"""Payments a second that each store can claim and settle, against plain drivers.

All do the same statements and wait for the disk with every commit. The stores are used as
gateways use them; asyncpg and sqlite3 are given their values ready made. One database has ours
and the plain driver's payments, in turns.
"""

import itertools
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import uvloop
from attrs import frozen

from bench import raw_asyncpg, raw_sqlite
from bench.bench import Bench
from bench.metered import Meter, Metered
from bench.pace import Pace, Rounds, paced
from bench.report import Aim, Report, micros
from bench.sales import Sale, rows, sales
from bench.servers import Postgres, mongo, postgres
from support.mongo import Mongo
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.mongo import MongoStore
from tillway.adapters.stores.postgres import PostgresStore
from tillway.adapters.stores.postgres.pool import Limits
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.ports.store import Claimed

TITLE: Final = "store: claim and settle a payment, with its event and ledger entry"
AT_ONCE: Final = (1, 50)
_ROUNDS: Final = 8
_COMMITTING: Final = 3
_MOST: Final = 6_000
"""Payments a second that are made ready: more than anybody needs."""

_FILE, _POSTGRES, _MONGO = "file", "postgres", "mongodb"
_SQLITE3: Final = "sqlite3, two transactions"
_COMMIT: Final = "sqlite3, one bare commit"
_METERED: Final = "file, its commits timed"
_CALLS: Final = "asyncpg, the store's two functions"
_BY_HAND: Final = "asyncpg, two statements by hand"

_ALONE: Final = (_SQLITE3, _COMMIT)
"""One connection has one transaction, however many want it."""

_PLAIN: Final = {_FILE: _SQLITE3, _POSTGRES: _BY_HAND, _CALLS: _BY_HAND}
"""Who is measured against whom."""

Run = Callable[[int, float], Awaitable[Pace]]
"""Measure with so many at once, for so many seconds."""

Found = dict[tuple[str, int], Rounds]


class Opens(Protocol):
    """What begins units of work."""

    def begin(self, *, once: bool = False) -> Any:
        """Open one."""
        ...


@frozen(kw_only=True)
class Commits:
    """Seconds of a payment's share in commits, and of all its time, with many at once.

    ``plain`` is one commit of sqlite3 alone, of a claim or of a settlement, and ``share`` what
    part of its time it commits.
    """

    committing: float
    lasted: float
    units: float
    plain: float
    share: float


def measure(bench: Bench) -> Iterator[Report]:
    """Let all take turns, and compare the middle ones."""
    with postgres() as sql, mongo() as documents:
        found, commits = uvloop.run(_measured(bench, sql, documents))
    yield _report(found, [sql.name if sql else "no PostgreSQL", _named(documents)])
    yield _sqlite_report(found, commits)


async def _measured(
    bench: Bench, sql: Postgres | None, documents: Mongo | None
) -> tuple[Found, Sequence[Commits]]:
    seconds = bench.seconds / 25
    found: Found = {}
    if sql is not None:
        await sql.databases.prepare()
    async with _ways(bench, sql, documents) as ways:
        turns = [(who, some) for some in AT_ONCE for who in ways if some == 1 or who not in _ALONE]
        for who, some in turns:
            await ways[who](some, seconds / 4)
        for _, (who, some) in itertools.product(range(_ROUNDS), turns):
            pace = await ways[who](some, seconds)
            found.setdefault((who, some), Rounds()).paces.append(pace)
    commits = [await _committing(bench, number, 4 * seconds) for number in range(_COMMITTING)]
    return found, commits


@asynccontextmanager
async def _ways(
    bench: Bench, sql: Postgres | None, documents: Mongo | None
) -> AsyncIterator[Mapping[str, Run]]:
    """Open everything, and give ways to write payments."""
    numbers, path = itertools.count(), bench.folder / "store.db"
    async with AsyncExitStack() as stack:
        stores: dict[str, Any] = {"memory": MemoryStore(), _FILE: SqliteStore(path)}
        if sql is not None:
            url, superuser = await sql.urls()
            stores[_POSTGRES] = PostgresStore(url)
        if documents is not None:
            stores[_MONGO] = MongoStore(documents.url, documents.fresh())
        for store in stores.values():
            await store.start()
            stack.push_async_callback(store.aclose)
        ways: dict[str, Run] = {
            name: partial(_store, store, numbers) for name, store in stores.items()
        }
        plain = raw_sqlite.connect(path)
        stack.callback(plain.close)
        ways |= _plain(raw_sqlite.Raw(plain), numbers)
        if sql is not None:
            # As many connections as our units of work may have.
            size = Limits().writing
            pool = await stack.enter_async_context(raw_asyncpg.pooled(superuser, size))
            ways |= _pooled(raw_asyncpg.Raw(pool), numbers)
        yield ways


def steps_of(store: Opens) -> Sequence[Callable[[Sale], Awaitable[object]]]:
    """Give a payment's two units of work, as gateways have them."""

    async def claim(sale: Sale) -> None:
        async with store.begin(once=True) as unit:
            assert isinstance(await unit.payments.claim(sale.claim), Claimed)

    async def settle(sale: Sale) -> None:
        async with store.begin(once=True) as unit:
            assert await unit.payments.settle(sale.ended, sale.facts, sale.entries)

    return claim, settle


async def _store(
    store: Opens, numbers: "itertools.count[int]", at_once: int, seconds: float
) -> Pace:
    return await paced(sales(numbers, _ready(seconds)), steps_of(store), at_once, seconds)


def _plain(raw: raw_sqlite.Raw, numbers: "itertools.count[int]") -> Mapping[str, Run]:
    async def pay(at_once: int, seconds: float) -> Pace:
        return await _in_turns(rows(numbers, _ready(seconds)), [raw.claim, raw.settle], seconds)

    async def commit(at_once: int, seconds: float) -> Pace:
        each = itertools.islice(numbers, _ready(seconds))
        return await _in_turns(each, [raw.commit], seconds)

    return {_SQLITE3: pay, _COMMIT: commit}


async def _in_turns(
    things: Iterable[Any], steps: Sequence[Callable[[Any], object]], seconds: float
) -> Pace:
    def awaited(step: Callable[[Any], object]) -> Callable[[Any], Awaitable[object]]:
        async def run(thing: Any) -> object:
            return step(thing)

        return run

    return await paced(things, [awaited(step) for step in steps], 1, seconds)


def _pooled(raw: raw_asyncpg.Raw, numbers: "itertools.count[int]") -> Mapping[str, Run]:
    async def run(steps: Sequence[Any], at_once: int, seconds: float) -> Pace:
        ready = list(map(raw_asyncpg.Prepared.of, rows(numbers, _ready(seconds))))
        return await paced(ready, steps, at_once, seconds)

    return {
        _CALLS: partial(run, [raw.call_claim, raw.call_settle]),
        _BY_HAND: partial(run, [raw.claim, raw.settle]),
    }


def _ready(seconds: float) -> int:
    return int(_MOST * seconds) + 1


async def _committing(bench: Bench, number: int, seconds: float) -> Commits:
    """See what of a payment on the file store is waiting for commits, with many at once."""
    path = bench.folder / f"metered-{number}.db"
    store = SqliteStore(path)
    await store.start()
    await store.aclose()
    metered, numbers, many = Metered(path), itertools.count(), AT_ONCE[-1]
    try:
        await _store(metered, numbers, many, seconds / 4)
        metered.meter.reset()
        pace = await _store(metered, numbers, many, seconds)
    finally:
        await metered.aclose()
    plain, share = await _plain_commit(path, numbers, seconds)
    return Commits(
        committing=2 * metered.meter.seconds / len(pace.took),
        lasted=1 / pace.rate,
        units=len(pace.took) / metered.meter.commits,
        plain=plain,
        share=share,
    )


async def _plain_commit(
    path: Path, numbers: "itertools.count[int]", seconds: float
) -> tuple[float, float]:
    """Give the seconds of a commit of plain sqlite3, one a transaction, and their share in all."""
    meter = Meter()
    sql = meter.connect(path)
    try:
        raw = raw_sqlite.Raw(sql)
        steps = [raw.claim, raw.settle]
        pace = await _in_turns(rows(numbers, _ready(seconds)), steps, seconds)
    finally:
        sql.close()
    one = meter.seconds / meter.commits
    return one, 2 * one * pace.rate


def _named(documents: Mongo | None) -> str:
    return f"mongodb on {documents.name}" if documents else "no server for mongodb"


def _report(found: Found, notes: Sequence[str]) -> Report:
    return Report(
        title=TITLE,
        columns=("who", "at once", "payments/s", "of the plain one", "p50 ms", "p99 ms", "CPU us"),
        rows=[_row(found, who, some) for who, some in found],
        aims=_aims(found),
        notes=[*notes, "p50 and p99 are of one transaction: a claim, or a settlement"],
    )


def _row(found: Found, who: str, some: int) -> Sequence[str]:
    pace = found[who, some]
    plain = _plain_of(found, who, some)
    return (
        who,
        f"{some}",
        f"{pace.rate:,.0f}",
        f"{pace.against(plain):.0%}" if plain else "",
        f"{pace.latency.median * 1e3:.2f}",
        f"{pace.latency.p99 * 1e3:.2f}",
        micros(pace.cpu),
    )


def _plain_of(found: Found, who: str, some: int) -> Rounds | None:
    plain = _PLAIN.get(who, "")
    return found.get((plain, 1 if plain in _ALONE else some))


def _aims(found: Found) -> Sequence[Aim]:
    if (_POSTGRES, 1) not in found:
        return [Aim("postgres: at least 80 % of the rate of plain asyncpg", None)]
    many = AT_ONCE[-1]
    saturated = found[_POSTGRES, many]
    return [
        *(_rate_aim(found, plain, some) for plain in (_CALLS, _BY_HAND) for some in AT_ONCE),
        Aim(
            f"postgres, {many} at once: p99 within 5x p50 (here {saturated.tail:.1f}x)",
            saturated.tail <= 5,
        ),
    ]


def _rate_aim(found: Found, plain: str, some: int) -> Aim:
    share = found[_POSTGRES, some].against(found[plain, some])
    text = f"postgres, {some} at once: at least 80 % of {plain} (here {share:.0%})"
    return Aim(text, share >= 0.8)


def _sqlite_report(found: Found, commits: Sequence[Commits]) -> Report:
    many = AT_ONCE[-1]
    one = sorted(commits, key=lambda each: each.committing)[len(commits) // 2]
    bare = found[_COMMIT, 1].latency.mean
    ratio = one.plain / one.committing
    return Report(
        title=f"store: what a payment waits for the disk on the file store, {many} at once",
        columns=("what", "us a payment"),
        rows=[
            ("one commit of nearly nothing on sqlite3", micros(bare)),
            ("one commit of its claim or settlement on sqlite3", micros(one.plain)),
            ("its share in the store's commits, of both", micros(one.committing)),
            ("everything in the store", micros(one.lasted)),
        ],
        aims=[Aim(f"the commits alone at least 3x one a payment (here {ratio:.1f}x)", ratio >= 3)],
        notes=[
            f"{one.units:.1f} units share a commit, which writes the pages of all of them;"
            f" commits are {one.committing / one.lasted:.0%} of the store's time,"
            f" and {one.share:.0%} of plain sqlite3's;"
            f" {found[_FILE, many].against(found[_SQLITE3, 1]):.2f}x its rate"
        ],
    )

"""Payments a second that the file store can claim and settle, against plain sqlite3.

Both do the same statements, with every commit on the disk. The store runs them in a thread of
its own, behind the port that gateways use; units that come together share a commit.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from bench.bench import Bench
from bench.raw_sqlite import Raw, connect
from bench.report import Report, micros, times
from bench.spread import median
from tillway.adapters.stores.sqlite.store import SqliteStore
from tillway.core.contracts.samples import (
    UNLESS_FAILED,
    WHILE_LIVE,
    event,
    payment,
    reservation,
    settled,
)
from tillway.core.payments import Payment

TITLE: Final = "store: claim and settle one payment, every commit on the disk"
AT_ONCE: Final = (1, 50)
RAW: Final = "sqlite3, two transactions"
COMMITS: Final = "sqlite3, two bare commits"
_ROUNDS: Final = 3


@frozen
class Speed:
    """Payments a second, and seconds of CPU for each."""

    rate: float
    cpu: float


def measure(bench: Bench) -> Iterator[Report]:
    """Measure the store alone and with many callers, plain sqlite3, and bare commits."""
    seconds = bench.seconds / 4 / _ROUNDS
    rounds = [
        asyncio.run(_round(bench.folder / f"store-{number}.db", seconds))
        for number in range(_ROUNDS)
    ]
    found = {who: _median([one[who] for one in rounds]) for who in rounds[0]}
    raw, commit = found[RAW], found[COMMITS]
    yield Report(
        title=TITLE,
        columns=("who", "payments/s", "of sqlite3", "CPU us"),
        rows=[
            (who, f"{speed.rate:,.0f}", times(speed.rate, raw.rate), micros(speed.cpu))
            for who, speed in found.items()
        ],
        notes=[
            f"a bare commit takes {5e5 / commit.rate:.0f} us; two of them are"
            f" {raw.rate / commit.rate:.0%} of a payment on plain sqlite3"
        ],
    )


def _median(speeds: Sequence[Speed]) -> Speed:
    return Speed(median([each.rate for each in speeds]), median([each.cpu for each in speeds]))


async def _round(path: Path, seconds: float) -> dict[str, Speed]:
    """Let everybody have a turn on a new database."""
    store, numbers = SqliteStore(path), itertools.count()
    await store.start()
    try:
        pay = _payer(store, numbers)
        await pay()
        found = {f"store, {some} at once": await _rate(pay, some, seconds) for some in AT_ONCE}
    finally:
        await store.aclose()
    sql = connect(path)
    try:
        raw = Raw(sql)
        found[RAW] = _rate_of(raw.pay, seconds)
        found[COMMITS] = _rate_of(raw.commits, seconds)
    finally:
        sql.close()
    return found


def _payer(store: SqliteStore, numbers: "itertools.count[int]") -> Callable[[], Awaitable[None]]:
    async def pay() -> None:
        claim = _claim(next(numbers))
        async with store.begin(once=True) as unit:
            await unit.payments.claim(claim)
        async with store.begin(once=True) as unit:
            await unit.payments.settle(settled(claim), [event(claim.signature)])

    return pay


def _claim(number: int) -> Payment:
    return payment(
        f"bench {number}",
        reservations=(
            reservation(f"quote {number}", counts=UNLESS_FAILED),
            reservation(f"source {number}", counts=WHILE_LIVE),
            reservation("fees", limit=None, counts=UNLESS_FAILED),
        ),
    )


async def _rate(pay: Callable[[], Awaitable[None]], at_once: int, seconds: float) -> Speed:
    made, end = 0, time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal made
        while time.perf_counter() < end:
            await pay()
            made += 1

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    spent = time.process_time() - cpu
    return Speed(made / (time.perf_counter() - began), spent / made)


def _rate_of(work: Callable[[int], None], seconds: float) -> Speed:
    made = 0
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() < began + seconds:
        work(made)
        made += 1
    spent = time.process_time() - cpu
    return Speed(made / (time.perf_counter() - began), spent / made)

"""How SQLite finds what is asked for: always by an index, however much there is."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import pytest
from attrs import frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.adapters.stores.sqlite.lane import Work
from tillway.adapters.stores.sqlite.schema import connect
from tillway.adapters.stores.sqlite.store import SqliteUnit
from tillway.core.contracts.samples import (
    CHAIN,
    NOW,
    OTHER,
    entry,
    event,
    key_of,
    payment,
    reservation,
    settled,
)
from tillway.core.contracts.stores.crossings import CASES, everything, fill
from tillway.core.contracts.stores.steps import count
from tillway.core.ids import EventId
from tillway.core.ports.store import Claimed, Link
from tillway.core.refunds import RefundState
from tillway.core.tenancy import DEFAULT

T = TypeVar("T")

_NAMES: Final = ("key", "signature", "user_id", "id", "grp", "mark", "slot", "account")
"""Columns that are found by an index whenever they are asked for."""

_FILL: Final = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
    INSERT INTO {table} (chain, key, tenant, signature, state, owner, lease_until, created_at,
        signed, body, watched, user_id)
    SELECT 'solana:testing', printf('%064x', n), 'default', '{table}-' || n,
        CASE WHEN n % 50 = 0 AND '{table}' = 'payments' THEN 'claimed' ELSE 'settled' END,
        'process-a', :now - n * 1000000, :now - n * 1000000, x'00', :body,
        '{table}' = 'payments' AND n % 50 = 1, 'user-' || n % 100
    FROM numbers
"""
_FILL_EVENTS: Final = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
    INSERT INTO events (tenant, id, type, at, body, position, number, seal)
    SELECT 'default', 'evt_' || n, CASE n % 2 WHEN 0 THEN 'ledger.entry' ELSE 'test' END,
        :now - n * 1000000, '{}', n, n, 'ff' FROM numbers
"""


@frozen
class _Alone:
    """A session on a connection of its own, in the test's thread."""

    sql: sqlite3.Connection

    async def read(self, work: Work[T]) -> T:
        return work(self.sql)

    async def write(self, work: Work[T], *, steps: bool = True) -> T:
        return work(self.sql)

    @property
    def unit(self) -> SqliteUnit:
        return SqliteUnit.over(self, Codec())


@pytest.fixture
async def alone(tmp_path: Path) -> _Alone:
    store = SqliteStore(tmp_path / "tillway.db")
    await store.start()
    await store.aclose()
    return _Alone(connect(store.path))


@pytest.fixture
def asked(alone: _Alone) -> Iterator[set[str]]:
    """Collect every statement that the connection is asked to run."""
    statements: set[str] = set()
    alone.sql.set_trace_callback(statements.add)
    yield statements
    alone.sql.close()


async def _purchase(unit: SqliteUnit) -> None:
    claim = payment("bought", reservations=(reservation("few"), reservation("popular", limit=None)))
    assert await unit.payments.claim(claim) == Claimed()
    assert await unit.payments.settle(settled(claim), [event("bought")], [entry("bought")])


async def _upkeep(unit: SqliteUnit) -> None:
    await unit.payments.archive(NOW, 5)
    await unit.payments.archived(DEFAULT, 5)
    link = Link(position=1, tenant=DEFAULT, number=1, fact=EventId("absent"), seal="00")
    assert not await unit.events.seal([link])
    await unit.events.after(0, 5)
    await unit.events.after(0, 5, DEFAULT)
    await unit.refunds.listed(DEFAULT, list(RefundState), 5, NOW)
    await unit.payments.newest(DEFAULT, 5, NOW, "user-1")
    await unit.payments.of_payer(DEFAULT, "payer-wallet", 5, payment("bought"))


def _refused(query: str, plan: Sequence[str]) -> list[str]:
    """Give the steps of a plan that read a whole table or tenant, or sort what they read."""
    scans = [each for each in plan if each.startswith("SCAN") and "VIRTUAL" not in each]
    sorts = [each for each in plan if "TEMP B-TREE" in each]
    # Whoever asks for more than a tenant's must not look through all of that.
    more = " AND " in query.replace("AND type <> 'ledger.entry'", "")
    tenants = [each for each in plan if more and each.endswith("(tenant=?)")]
    where = query.rpartition("WHERE")[-1]
    found = [name for name in _NAMES if f" {name} = " in where]
    missed = [name for name in found if not any(f"{name}=?" in each for each in plan)]
    # What stands in a subquery was found by an index; one index has nothing else than is asked.
    fine = "subquery", "USING INDEX events_unsealed"
    return (
        [each for each in scans if not any(one in each for one in fine)] + sorts + tenants + missed
    )


class TestPlans:
    async def test_every_query_goes_by_an_index(self, alone: _Alone, asked: set[str]) -> None:
        """Nothing that any method of the port asks reads a whole table or sorts what it reads."""
        unit = alone.unit
        await fill(unit)
        for case in CASES.values():
            await case(unit)
        await everything(unit)
        await _purchase(unit)
        await _upkeep(unit)
        alone.sql.set_trace_callback(None)
        queries = {each for each in asked if not each.startswith(("BEGIN", "ROLLBACK", "-- "))}
        queries -= {each for each in queries if "SAVEPOINT" in each or "RELEASE" in each}
        plans = {
            each: [step[-1] for step in alone.sql.execute(f"EXPLAIN QUERY PLAN {each}")]
            for each in queries
        }
        assert len(plans) > len(CASES)
        # Of quote keys there are a few, and they are read together.
        refused = {
            each: _refused(each, plan) for each, plan in plans.items() if "quote_keys" not in each
        }
        assert {each: steps for each, steps in refused.items() if steps} == {}

    async def test_a_payers_list_is_a_run_of_its_index(
        self, alone: _Alone, asked: set[str]
    ) -> None:
        """Tenant, payer and place are found in it, and what follows is in order."""
        await alone.unit.payments.of_payer(DEFAULT, "payer-wallet", 5, payment("any"))
        alone.sql.set_trace_callback(None)
        (query,) = [each for each in asked if "payments" in each]
        (step,) = alone.sql.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
        by = "(tenant=? AND <expr>=? AND (created_at,chain,key)<(?,?,?))"
        assert step[-1] == f"SEARCH payments USING INDEX payments_payer {by}"

    async def test_no_table_is_left_out(self, alone: _Alone, asked: set[str]) -> None:
        """The queries that are looked at are about everything that is kept."""
        unit = alone.unit
        await fill(unit)
        await everything(unit)
        await _upkeep(unit)
        alone.sql.set_trace_callback(None)
        tables = alone.sql.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        kept = {str(name) for (name,) in tables if not str(name).startswith("sqlite_")}
        assert {name for name in kept if any(f" {name} " in each for each in asked)} == kept


async def _work(alone: _Alone, work: Callable[[SqliteUnit], Awaitable[object]]) -> int:
    """Count the instructions of SQLite's virtual machine that something takes."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    alone.sql.set_progress_handler(step, 1)
    await work(alone.unit)
    alone.sql.set_progress_handler(None, 1)
    return steps


_CALLS: Final[Mapping[str, Callable[[SqliteUnit], Awaitable[object]]]] = {
    "a purchase": _purchase,
    "payments.find": lambda unit: unit.payments.find(CHAIN, key_of("a")),
    "payments.by_signature": lambda unit: unit.payments.by_signature(DEFAULT, "archive-7"),
    "payments.newest": lambda unit: unit.payments.newest(DEFAULT, 5),
    "payments.newest of user": lambda unit: unit.payments.newest(DEFAULT, 5, NOW, "user-7"),
    "payments.of_payer": lambda unit: unit.payments.of_payer(DEFAULT, "payer-wallet", 5),
    "payments.of_payer after": lambda unit: unit.payments.of_payer(
        DEFAULT, "payer-wallet", 5, payment("any", created_at=NOW - timedelta(minutes=2))
    ),
    "payments.of_payer of nobody": lambda unit: unit.payments.of_payer(DEFAULT, "nobody", 5),
    "payments.take_over": lambda unit: unit.payments.take_over("process-z", NOW, NOW, 5),
    "payments.watch": lambda unit: unit.payments.watch("process-z", NOW, NOW, 5),
    "payments.archive": lambda unit: unit.payments.archive(NOW, 5),
    "payments.archived": lambda unit: unit.payments.archived(DEFAULT, 5),
    "events.newest": lambda unit: unit.events.newest(DEFAULT, 5),
    "events.unsealed": lambda unit: unit.events.unsealed(5),
    "events.last": lambda unit: unit.events.last(),
    "events.head": lambda unit: unit.events.head(DEFAULT),
    "events.head of another": lambda unit: unit.events.head(OTHER),
    "events.after": lambda unit: unit.events.after(100, 5),
    "events.after of one": lambda unit: unit.events.after(100, 5, DEFAULT),
    "events.after of another": lambda unit: unit.events.after(100, 5, OTHER),
}


class TestCost:
    async def test_a_call_costs_the_same_among_many(self, tmp_path: Path) -> None:
        """What a call makes SQLite do does not grow with what is stored."""
        costs: list[dict[str, int]] = []
        for rows in (500, count(20_000, 1_000_000)):
            store = SqliteStore(tmp_path / f"{rows}.db")
            await store.start()
            await store.aclose()
            alone = _Alone(connect(store.path))
            body = Codec().payment_row(payment("any")).body
            values = {"rows": rows, "now": 1_767_323_045_000_000, "body": body}
            alone.sql.execute("BEGIN")
            alone.sql.execute(_FILL.format(table="payments"), values)
            # Keys of the archive are beyond those of the payments.
            alone.sql.execute(_FILL.format(table="archive").replace("x', n)", "x', -n)"), values)
            alone.sql.execute(_FILL_EVENTS, values)
            costs.append({name: await _work(alone, call) for name, call in _CALLS.items()})
            alone.sql.execute("ROLLBACK")
            alone.sql.close()
        few, many = costs
        assert all(few.values())
        assert {name for name in few if many[name] > few[name] * 1.1 + 10} == set()

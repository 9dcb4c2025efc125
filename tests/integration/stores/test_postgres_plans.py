"""How PostgreSQL finds what is asked for: always by an index, however much there is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from support.postgres import Databases
from tillway.core.contracts.samples import (
    CHAIN,
    NOW,
    entry,
    event,
    key_of,
    payment,
    reservation,
    settled,
)
from tillway.core.contracts.stores.crossings import CASES, fill
from tillway.core.contracts.stores.steps import claim, count
from tillway.core.events import LEDGER_ENTRY
from tillway.core.ids import ProductId
from tillway.core.ports.store import Claimed, Link, Store, UnitOfWork
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.tenancy import DEFAULT

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

_LATER = NOW + timedelta(hours=1)
_RECORDS = (
    "carts",
    "refunds",
    "subscriptions",
    "checkouts",
    "nonces",
    "answers",
    "inbox",
    "deliveries",
    "settings",
    "holds",
    "leases",
)
_N = "FROM generate_series(1, {0}) AS n"
_TIME = "one.{0} - n * interval '1 second'"
_PAYMENTS = (
    "INSERT INTO tillway_{1} SELECT chain, encode(sha256(n::text::bytea), 'hex'), tenant,"
    " 'filled-' || n, CASE WHEN n % 50 = 0 AND '{1}' = 'payments' THEN 'claimed' ELSE 'settled'"
    f" END, owner, {_TIME.format('lease_until')}, {_TIME.format('created_at')}, signed, body,"
    " '[]', n % 50 = 1, 'user-' || n % 500, 'payer-' || n % 50"
    " FROM tillway_payments AS one, generate_series(1, {0}) AS n WHERE one.key = '{2}'"
)
_FILL = (
    f"INSERT INTO tillway_tallies SELECT 'default', '', 'filled-' || n, 1 {_N}",
    # Nearly all has its place already.
    "INSERT INTO tillway_events SELECT 'default', 'evt_' || n,"
    f" CASE WHEN n % 2 = 0 THEN '{LEDGER_ENTRY}' ELSE 'test' END,"
    " now() - n * interval '1 second', '{{}}', CASE WHEN n % 50 > 0 THEN n + 1000 END,"
    f" CASE WHEN n % 50 > 0 THEN n + 1000 END, CASE WHEN n % 50 > 0 THEN 'seal' END {_N}",
    "INSERT INTO tillway_accounts SELECT 'default', 'credits:filled-' || n % 1000 || ':USDC',"
    " min(asset), count(*), 0 FROM tillway_lines, generate_series(1, {0}) AS n GROUP BY 1, 2",
    "INSERT INTO tillway_lines SELECT 'default', 'credits:filled-' || n % 1000 || ':USDC',"
    " now() - n * interval '1 second', 'filled-' || n, 0, 1, asset"
    " FROM (SELECT asset FROM tillway_lines LIMIT 1) AS one, generate_series(1, {0}) AS n",
    "INSERT INTO tillway_unfolded SELECT tenant, account, entry, place, minor, asset"
    " FROM tillway_lines WHERE entry LIKE 'filled-%'",
    "INSERT INTO tillway_definitions SELECT 'tenant-' || n % 100, 'product', 'p' || n, '{{}}'"
    f" {_N}",
)
_CLONE = (
    "INSERT INTO tillway_{1} SELECT tenant, id || '-' || n, version, state, grp || '-' || n % 500,"
    " mark || '-' || n, slot || '-' || n, due + interval '1 year', "
    + _TIME.format("at")
    + ", body FROM (SELECT * FROM tillway_{1} LIMIT 1) AS one, generate_series(1, {0}) AS n"
)
# Quote keys are always few, and always read whole.
_SCANS = (
    "SELECT relname::text, seq_scan FROM pg_stat_user_tables"
    " WHERE relname NOT IN ('tillway_schema', 'tillway_quote_keys')"
)
_READ = "SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes"


class Undone(Exception):
    """Leaves a unit without writing it."""


async def _seal(unit: UnitOfWork) -> object:
    last = await unit.events.last()
    head = await unit.events.head(DEFAULT)
    assert last is not None
    assert head is not None
    facts = [event(str(n)) for n in range(5)]
    for fact in facts:
        await unit.events.append(fact)
    return await unit.events.seal(
        [
            Link(
                position=last.position + n,
                tenant=DEFAULT,
                number=head.number + n,
                fact=fact.id,
                seal="seal",
            )
            for n, fact in enumerate(facts, start=1)
        ]
    )


_CALLS: Mapping[str, Callable[[UnitOfWork], Awaitable[object]]] = {
    "payments.find": lambda unit: unit.payments.find(CHAIN, key_of("a")),
    "payments.by_signature": lambda unit: unit.payments.by_signature(DEFAULT, "absent"),
    "payments.newest": lambda unit: unit.payments.newest(DEFAULT, 5),
    "payments.newest before": lambda unit: unit.payments.newest(DEFAULT, 5, NOW),
    "payments.newest of user": lambda unit: unit.payments.newest(DEFAULT, 5, NOW, "user-7"),
    "payments.of_payer": lambda unit: unit.payments.of_payer(DEFAULT, "payer-7", 5),
    "payments.of_payer after": lambda unit: unit.payments.of_payer(
        DEFAULT, "payer-7", 5, payment("any", created_at=NOW - timedelta(minutes=20))
    ),
    "payments.renew": lambda unit: unit.payments.renew("process-z", [key_of("a")], _LATER),
    "payments.take_over": lambda unit: unit.payments.take_over("process-z", NOW, _LATER, 5),
    "payments.watch": lambda unit: unit.payments.watch("process-z", NOW, _LATER, 5),
    "payments.archive": lambda unit: unit.payments.archive(NOW, 5),
    "payments.archived": lambda unit: unit.payments.archived(DEFAULT, 5, NOW),
    "payments.amend": lambda unit: unit.payments.amend(
        settled(payment("mine")), settled(payment("mine")).state, [event("x")]
    ),
    "tallies.totals": lambda unit: unit.tallies.totals(DEFAULT, ["filled-1", "filled-2"]),
    "events.newest": lambda unit: unit.events.newest(DEFAULT, 5),
    "events.unsealed": lambda unit: unit.events.unsealed(5),
    "events.after": lambda unit: unit.events.after(100, 5),
    "events.after of one": lambda unit: unit.events.after(100, 5, DEFAULT),
    "events.seal": _seal,
    "ledger.balances": lambda unit: unit.ledger.balances(DEFAULT, 5, "credits:filled-7:USDC"),
    "ledger.post": lambda unit: unit.ledger.post(entry("new", 1, least=0)),
    "products.get": lambda unit: unit.products.get(DEFAULT, ProductId("absent")),
    "products.all": lambda unit: unit.products.all(DEFAULT),
    **CASES,
}


async def _filled(postgres: Databases, rows: int) -> str:
    """Make a database with a tenant that has so much of everything, nearly all of it done."""
    name = await postgres.fresh()
    async with _store(postgres, name) as store, store.begin() as unit:
        await fill(unit)
    tables = ("payments", "archive")
    commands = [
        *(_PAYMENTS.format(rows, table, key_of("mine")) for table in tables),
        *(each.format(rows) for each in _FILL),
        *(_CLONE.format(rows, table) for table in _RECORDS),
    ]
    # Several archive keys would be the payments'.
    commands[1] = commands[1].replace("n::text", "(-n)::text").replace("'filled-'", "'old-'")
    await postgres.sql(*commands, database=name)
    return name


@asynccontextmanager
async def _store(postgres: Databases, name: str) -> AsyncIterator["PostgresStore"]:
    from tillway.adapters.stores.postgres import PostgresStore

    store = PostgresStore(postgres.server.url(name))
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()


async def _counted(postgres: Databases, name: str, query: str) -> dict[str, int]:
    return {key: int(number) for key, number in await postgres.rows(query, database=name)}


async def _buy(store: "PostgresStore", name: str) -> None:
    shares = (reservation(name), reservation("popular", limit=None))
    one = payment(name, reservations=shares)
    assert await claim(store, one) == Claimed()
    end = evolve(settled(one), turn=1)
    async with store.begin(once=True) as unit:
        assert await unit.payments.settle(end, [event(name)], entries_of(end))


async def _undone(store: Store, call: Callable[[UnitOfWork], Awaitable[object]]) -> None:
    with pytest.raises(Undone):  # noqa: PT012 - the unit is left without being written
        async with store.begin() as unit:
            await call(unit)
            raise Undone


class TestPlans:
    async def test_every_call_goes_by_an_index(self, postgres: Databases) -> None:
        """Every method of the port, over and over: no table is read whole."""
        database = await _filled(postgres, count(3000, 100_000))
        await postgres.sql("ANALYZE", database=database)
        before = await _counted(postgres, database, _SCANS)
        read = list[str]()
        for name, call in sorted(_CALLS.items()):
            # The server tells what it has read when its connections are closed.
            async with _store(postgres, database) as store:
                for _ in range(7):  # it plans anew until it has seen a statement five times
                    await _undone(store, call)
            read += await _whole(postgres, database, before, name)
        assert read == []

    async def test_a_payers_list_reads_what_it_gives(self, postgres: Databases) -> None:
        """By its own index, wherever a page begins, and nothing of another payer's."""
        database = await _filled(postgres, 3000)
        await postgres.sql("ANALYZE", database=database)
        before = await _counted(postgres, database, _READ)
        times, page = 7, 5
        async with _store(postgres, database) as store:
            for _ in range(times):
                async with store.view() as view:
                    first = await view.payments.of_payer(DEFAULT, "payer-7", page)
                    second = await view.payments.of_payer(DEFAULT, "payer-7", page, first[-1])
                    assert len({one.key for one in (*first, *second)}) == 2 * page
        after = await _counted(postgres, database, _READ)
        read = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        # One more is read to know that what has the same time is all there.
        assert read.keys() == {"tillway_payments_payer"}
        assert read["tillway_payments_payer"] <= times * 2 * (page + 2)

    async def test_a_payment_goes_by_indexes(self, postgres: Databases) -> None:
        """Claiming and settling read no table whole."""
        database = await _filled(postgres, 3000)
        await postgres.sql("ANALYZE", database=database)
        before = await _counted(postgres, database, _SCANS)
        async with _store(postgres, database) as store:
            for n in range(7):
                await _buy(store, f"bought-{n}")
        assert await _counted(postgres, database, _SCANS) == before

    @pytest.mark.parametrize("analysed", [True, False])
    async def test_a_payment_costs_the_same_among_many(
        self, postgres: Databases, analysed: bool
    ) -> None:
        """What a purchase reads does not grow with what is stored, even before statistics."""
        read = []
        for rows in (500, count(5000, 500_000)):
            name = await _filled(postgres, rows)
            await postgres.sql(
                "ALTER TABLE tillway_payments SET (autovacuum_enabled = off)", database=name
            )
            if analysed:
                await postgres.sql("ANALYZE", database=name)
            before = await _counted(postgres, name, _READ)
            async with _store(postgres, name) as store:
                for n in range(20):
                    await _buy(store, f"bought-{n}")
                    async with store.begin() as unit:
                        await unit.payments.by_signature(DEFAULT, "absent")
                        await unit.payments.find(CHAIN, key_of("absent"))
            after = await _counted(postgres, name, _READ)
            read.append(sum(after.values()) - sum(before.values()))
        assert read[1] <= read[0] + 20


async def _whole(
    postgres: Databases, database: str, before: dict[str, int], name: str
) -> Sequence[str]:
    """Say which tables were read whole since, and count from now on."""
    now = await _counted(postgres, database, _SCANS)
    found = [f"{name} reads {table}" for table, times in now.items() if times > before[table]]
    before.update(now)
    return found

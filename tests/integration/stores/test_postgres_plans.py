"""How PostgreSQL finds what is asked for: always by an index, however much there is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from support.postgres import Databases
from tillway.adapters.stores.codec import Codec
from tillway.core.contracts.samples import CHAIN, NOW, key_of, payment, reservation, settled
from tillway.core.contracts.stores.steps import claim, count, settle
from tillway.core.ports.store import Claimed, UnitOfWork
from tillway.core.tenancy import DEFAULT

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

_LATER = NOW + timedelta(hours=1)
_FILL = """
    INSERT INTO tillway_payments
    SELECT 'solana:testing', encode(sha256(n::text::bytea), 'hex'), 'default', 'filled-' || n,
        CASE WHEN n % 50 = 0 THEN 'claimed' ELSE 'settled' END, 'process-a',
        now() - n * interval '1 second', now() - n * interval '1 second', '\\x00', $2, '[]'
    FROM generate_series(1, $1) AS n
"""
_MORE = (
    "INSERT INTO tillway_tallies SELECT 'default', '', 'filled-' || n, 1"
    " FROM generate_series(1, {0}) AS n",
    "INSERT INTO tillway_events"
    " SELECT 'default', 'evt_' || n, 'test', now() - n * interval '1 second', '{{}}'"
    " FROM generate_series(1, {0}) AS n",
    "INSERT INTO tillway_definitions SELECT 'tenant-' || n % 100, 'product', 'p' || n, '{{}}'"
    " FROM generate_series(1, {0}) AS n",
)
_SCANS = "SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE relname <> 'tillway_schema'"
_READ = "SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes"

_CALLS: Mapping[str, Callable[[UnitOfWork], Awaitable[object]]] = {
    "payments.find": lambda unit: unit.payments.find(CHAIN, key_of("a")),
    "payments.by_signature": lambda unit: unit.payments.by_signature(DEFAULT, "absent"),
    "payments.newest": lambda unit: unit.payments.newest(DEFAULT, 5),
    "payments.newest before": lambda unit: unit.payments.newest(DEFAULT, 5, NOW),
    "payments.renew": lambda unit: unit.payments.renew("process-z", [key_of("a")], _LATER),
    "payments.take_over": lambda unit: unit.payments.take_over("process-z", NOW, _LATER, 5),
    "tallies.totals": lambda unit: unit.tallies.totals(DEFAULT, ["filled-1", "filled-2"]),
    "events.newest": lambda unit: unit.events.newest(DEFAULT, 5),
    "products.get": lambda unit: unit.products.get(DEFAULT, "absent"),  # type: ignore[arg-type]  # any text
    "products.all": lambda unit: unit.products.all(DEFAULT),
}


async def _filled(postgres: Databases, rows: int) -> str:
    name = await postgres.fresh()
    body = Codec().payment_row(payment("any")).body
    await postgres.rows(_FILL, rows, body, database=name)
    await postgres.sql(*(each.format(rows) for each in _MORE), database=name)
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
    assert await settle(store, settled(one))


class TestPlans:
    @pytest.mark.parametrize("name", sorted(_CALLS))
    async def test_every_query_goes_by_an_index(self, postgres: Databases, name: str) -> None:
        """Asked in a view, in a unit or alone, over and over, no table is read whole."""
        database = await _filled(postgres, 3000)
        await postgres.sql("ANALYZE", database=database)
        before = await _counted(postgres, database, _SCANS)
        async with _store(postgres, database) as store:
            for _ in range(7):  # the server plans anew until it has seen a statement five times
                async with store.begin() as unit:
                    await _CALLS[name](unit)
                async with store.begin(once=True) as unit:
                    await _CALLS[name](unit)
        assert await _counted(postgres, database, _SCANS) == before

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

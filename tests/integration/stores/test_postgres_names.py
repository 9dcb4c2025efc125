"""Tables of other names, and several gateways in one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from support.postgres import APP, Databases
from support.postgres_schema import schema
from support.statements.scenario import OPERATIONS
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import NOW, event, payment, product, reservation
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.bootstrap import store_of
from tillway.entrypoints.configuration import configure

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

pytest.importorskip("asyncpg", reason="asyncpg is not installed")

_OF_PAYMENTS = "payments: {table_name: Orders}"


def _store(postgres: Databases, name: str, mapping: str) -> "PostgresStore":
    """Give the store as the settings make it."""
    from tillway.adapters.stores.postgres import PostgresStore

    text = f"""
        logging: {{environment: development}}
        storage:
          postgres_url: {postgres.server.url(name).reveal()}
          schema_mapping: {{{mapping}}}
    """
    store = store_of(configure(text, {}))
    assert isinstance(store, PostgresStore)
    return store


@asynccontextmanager
async def _open(postgres: Databases, name: str, mapping: str) -> AsyncIterator["PostgresStore"]:
    store = _store(postgres, name, mapping)
    await store.start()
    yield store
    await store.aclose()


async def _fill(store: "PostgresStore") -> None:
    one = payment("a", reservations=(reservation(limit=1),))
    async with store.begin() as unit:
        assert await unit.payments.claim(one) == Claimed()
        assert await unit.payments.settle(one.settled(NOW, 7, {}), [event("fact")])
        await unit.products.put(DEFAULT, product(), NOW)


async def _is_filled(store: "PostgresStore") -> bool:
    async with store.view() as view:
        found = (
            len(await view.payments.newest(DEFAULT, 10)),
            len(await view.events.newest(DEFAULT, 10)),
            len(await view.products.all(DEFAULT)),
            await view.tallies.totals(DEFAULT, ["stock"]),
        )
    assert found in ((1, 1, 1, {"stock": 1}), (0, 0, 0, {}))
    return found[0] == 1


class TestOtherNames:
    async def test_nothing_is_missing(self, postgres: Databases) -> None:
        """Tables of other names have every index, constraint, policy and function as usual."""
        name = await postgres.fresh(empty=True)
        await postgres.sql("CREATE SCHEMA tills", database=name, user=APP)
        async with _open(postgres, name, f"prefix: tills.Shop, {_OF_PAYMENTS}") as store:
            await _fill(store)
            names = store.names
        usual, other = await postgres.fresh(), await schema(postgres, name, names)
        assert other == await schema(postgres, usual)
        assert len([row for row in other if row[0] == "index"]) > 8

    async def test_every_operation_answers_as_usual(self, postgres: Databases) -> None:
        """No statement and no function still says a usual name: none would be found."""
        name, memory = await postgres.fresh(empty=True), MemoryStore()
        await postgres.sql("CREATE SCHEMA tills", database=name, user=APP)
        async with _open(postgres, name, f"prefix: tills.Shop, {_OF_PAYMENTS}") as store:
            for operation, work in OPERATIONS.items():
                assert await work(store) == await work(memory), operation

    async def test_another_gateways_tables_are_not_touched(self, postgres: Databases) -> None:
        """Gateways with prefixes of their own share a database, and nothing in it."""
        name = await postgres.fresh(empty=True)
        mappings = ("", f"prefix: a, {_OF_PAYMENTS}", "prefix: b, payments: {table_name: orders}")
        for place, mapping in enumerate(mappings):
            async with _open(postgres, name, mapping) as store:
                assert not await _is_filled(store)
                await _fill(store)
                assert await _is_filled(store)
                others = await postgres.rows(
                    "SELECT count(*) FROM pg_class WHERE relname LIKE '%_quote_keys'", database=name
                )
                assert others == [(place + 1,)]
        for mapping in mappings:
            async with _open(postgres, name, mapping) as store:
                assert await _is_filled(store)

    async def test_every_table_can_have_a_name(self, postgres: Databases) -> None:
        """Whatever the steps create, and by whatever name."""
        from tillway.adapters.stores.postgres import PostgresStore
        from tillway.adapters.stores.postgres.names import Names, tables_in
        from tillway.adapters.stores.postgres.schema import migrations

        words = [word for step in migrations() for word in tables_in(step)]
        tables = {word: f"The_{word}" for word in words}
        name = await postgres.fresh(empty=True)
        store = PostgresStore(postgres.server.url(name), names=Names(tables=tables))
        await store.start()
        await _fill(store)
        assert await _is_filled(store)
        await store.aclose()
        found = await postgres.rows(
            "SELECT relname::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace",
            database=name,
        )
        assert {row[0] for row in found} == {*tables.values(), "tillway_schema"}


class TestChangedNames:
    async def _refused(self, postgres: Databases, name: str, mapping: str, reason: str) -> None:
        with pytest.raises(Unavailable) as refused:
            await _store(postgres, name, mapping).start()
        text = refused.value.message
        assert reason in text
        assert f"/{name}" in text
        assert "\n" not in text

    async def test_a_changed_name_is_refused(self, postgres: Databases) -> None:
        """Whoever looked in an empty table would sell again for proofs that were used."""
        name = await postgres.fresh()
        reason = "has its payments in the table tillway_payments, which"
        await self._refused(postgres, name, _OF_PAYMENTS, reason)
        renamed = await postgres.fresh(empty=True)
        async with _open(postgres, renamed, _OF_PAYMENTS) as store:
            await _fill(store)
        before = await schema(postgres, renamed)
        reason = "has its payments in the table Orders, which"
        for mapping in ("", "payments: {table_name: orders}", "payments: {table_name: x.Orders}"):
            await self._refused(postgres, renamed, mapping, reason)
        assert await schema(postgres, renamed) == before

    async def test_names_of_tables_that_are_not_there_yet_may_change(
        self, postgres: Databases
    ) -> None:
        """A name counts from the step on that creates its table."""
        from tillway.adapters.stores.postgres import PostgresStore
        from tillway.adapters.stores.postgres.names import Names

        name = await postgres.fresh()
        names = Names(tables={"a_table_of_tomorrow": "x"})
        store = PostgresStore(postgres.server.url(name), names=names)
        await store.start()
        await store.aclose()

    async def test_a_schema_without_names_has_the_usual_ones(self, postgres: Databases) -> None:
        """So it was before names were written down."""
        name = await postgres.fresh()
        await postgres.sql("ALTER TABLE tillway_schema DROP COLUMN names", database=name)
        async with _open(postgres, name, ""):
            pass
        await self._refused(postgres, name, _OF_PAYMENTS, "in the table tillway_payments")

    async def test_a_table_of_somebody_else_is_left_alone(self, postgres: Databases) -> None:
        """A name that is taken is told, and nothing is made beside it."""
        name = await postgres.fresh(empty=True)
        await postgres.sql(
            'CREATE TABLE "Orders" (id integer)', 'INSERT INTO "Orders" VALUES (7)', database=name
        )
        await self._refused(postgres, name, _OF_PAYMENTS, '"Orders" already exists')
        assert await postgres.rows('SELECT * FROM "Orders"', database=name) == [(7,)]
        tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert await postgres.rows(tables, database=name) == [("Orders",)]

    async def test_a_schema_that_is_not_there_is_named(self, postgres: Databases) -> None:
        """It is for whoever looks after the database to make it."""
        name = await postgres.fresh(empty=True)
        await self._refused(postgres, name, "prefix: nowhere.shop", '"nowhere"')

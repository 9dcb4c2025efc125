"""Steps of PostgreSQL's schema, with what the program of the step before wrote and still writes.

That program is played by its calls: their functions, arguments and columns do not change.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from attrs import evolve

from support import postgres_schema
from support.postgres import APP, Databases
from support.postgres_pause import paused_inside
from tillway.adapters.stores.codec import Codec
from tillway.core.contracts.samples import (
    LEASE,
    NOW,
    event,
    payment,
    product,
    settled,
)
from tillway.core.contracts.stores.steps import claim, find, settle
from tillway.core.payments import Payment
from tillway.core.ports.store import Claimed, Taken
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.tenancy import DEFAULT

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")

_MARKS = """
    CREATE TABLE tillway_schema (
        version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
_CLAIM = (
    "SELECT refused, (met).key FROM tillway_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '[]')"
)
_REWRITE = (
    "SELECT tillway_rewrite($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'settled', $11, $12, $13, $14)"
)
_PUT = "SELECT tillway_put('default', 'product', $1, $2, false)"
_FIND = "SELECT state FROM tillway_find($1, $2, false)"
_TOLD = "SELECT id FROM tillway_newest_events('default', 100)"


class SecondVersion:
    """The calls of the program of version 2, which kept a payment's user in its body."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def claim(self, one: Payment) -> Sequence[Any]:
        return [tuple(row) for row in await self._connection.fetch(_CLAIM, *self._row(one))]

    async def settle(self, end: Payment, *, knows_the_user: bool = True) -> bool:
        if not knows_the_user:
            end = evolve(end, user_id=None)
        fact = Codec().event_row(event(end.signature))
        told = [fact.id], [fact.type], [NOW], [fact.body]
        return bool(await self._connection.fetchval(_REWRITE, *self._row(end), *told))

    async def put_product(self) -> None:
        await self._connection.fetch(_PUT, product().id, Codec().product_text(product()))

    async def state_of(self, one: Payment) -> str | None:
        state = await self._connection.fetchval(_FIND, one.chain, one.key)
        return None if state is None else str(state)

    async def told(self) -> set[str]:
        return {row["id"] for row in await self._connection.fetch(_TOLD)}

    def _row(self, one: Payment) -> Sequence[object]:
        row = Codec().payment_row(one)
        body = orjson.loads(row.body)
        if one.user_id is not None:
            body["user_id"] = one.user_id
        names = one.tenant, one.chain, one.key, one.signature, row.state, one.owner
        return *names, one.lease_until, one.created_at, one.signed, orjson.dumps(body).decode()


@asynccontextmanager
async def _program(postgres: Databases, name: str) -> AsyncIterator[SecondVersion]:
    connection = await asyncpg.connect(postgres.server.url(name, APP).reveal())
    try:
        yield SecondVersion(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def _store(postgres: Databases, name: str) -> AsyncIterator["PostgresStore"]:
    from tillway.adapters.stores.postgres import PostgresStore

    store = PostgresStore(postgres.server.url(name, APP))
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()


async def _second_version(postgres: Databases) -> str:
    """Make a database as the second step leaves it."""
    from tillway.adapters.stores.postgres.schema import migrations

    name = await postgres.fresh(empty=True)
    marks = "INSERT INTO tillway_schema (version) VALUES (1), (2)"
    await postgres.sql(*migrations()[:2], _MARKS, marks, database=name, user=APP)
    return name


async def _opened(postgres: Databases, name: str) -> None:
    async with _store(postgres, name):
        pass


async def _lists(store: "PostgresStore", payers: Sequence[str]) -> list[list[Payment]]:
    async with store.view() as view:
        return [list(await view.payments.of_payer(DEFAULT, each, 9)) for each in payers]


def _bought_by(user: str, name: str) -> Payment:
    return payment(name, user_id=user, metadata={"note": "a\x00b"})


class TestFromTheSecondVersion:
    async def test_what_was_written_is_read(self, postgres: Databases) -> None:
        """Payments with their users, live and ended, facts, and products, whatever is in them."""
        name = await _second_version(postgres)
        users = ["user-1", "", "ünï 'ö\" \\u0000", "a\x00b", "a\x01b"]
        ended, live = _bought_by("user-1", "ended"), _bought_by("user-1", "live")
        of_each = [_bought_by(user, f"of {user!r}") for user in users]
        async with _program(postgres, name) as before:
            for one in (ended, live, *of_each):
                assert await before.claim(one) == []
            assert await before.settle(settled(ended))
            await before.put_product()
        async with _store(postgres, name) as store:
            assert await find(store, ended) == settled(ended)
            for one in of_each:
                assert await find(store, one) == one
            async with store.view() as view:
                assert list(await view.events.newest(DEFAULT, 10)) == [event(ended.signature)]
                assert list(await view.events.unsealed(10)) == [event(ended.signature)]
                assert await view.products.get(DEFAULT, product().id) == product()
                for user in users[1:]:
                    (found,) = await view.payments.newest(DEFAULT, 10, user_id=user)
                    assert found.user_id == user
                listed = await view.payments.newest(DEFAULT, 10, user_id="user-1")
                assert {one.signature for one in listed} == {
                    one.signature for one in (ended, live, of_each[0])
                }
            assert await settle(store, settled(live))

    async def test_what_had_settled_is_its_payers(self, postgres: Databases) -> None:
        """Whoever that is, and whatever else the payment says; what lives is nobody's yet."""
        name = await _second_version(postgres)
        payers = ["wallet", "", "ünï 'ö\" \\u0000", "a\x00b", "a\x01b"]
        note = {"note": "a\x00b\\u0000"}
        sold = [payment(f"by {each!r}", payer=each, metadata=note) for each in payers]
        async with _program(postgres, name) as before:
            for one in (*sold, payment("live", payer="wallet")):
                assert await before.claim(one) == []
            for one in sold:
                assert await before.settle(settled(one))
        async with _store(postgres, name) as store:
            assert await _lists(store, payers) == [[settled(one)] for one in sold]

    async def test_what_the_program_before_settles_is_its_payers(self, postgres: Databases) -> None:
        """It says nothing of payers, and the new one finds them."""
        name = await _second_version(postgres)
        one = payment("one", metadata={"note": "a\x00b"})
        async with _program(postgres, name) as before, _store(postgres, name) as store:
            assert await before.claim(one) == []
            assert await before.settle(settled(one))
            assert await _lists(store, [one.payer]) == [[settled(one)]]

    async def test_payments_go_on_while_payers_are_written(self, postgres: Databases) -> None:
        """The step that goes through all that had settled holds up no claim and no end."""
        name = await postgres_schema.at_version(postgres, 8)
        old, new = payment("old"), payment("new")
        async with _program(postgres, name) as before:
            assert await before.claim(old) == []
            assert await before.settle(settled(old))
            await postgres.sql("UPDATE tillway_payments SET payer = NULL", database=name)
            async with paused_inside(postgres, name, 1) as pause:
                starting = asyncio.ensure_future(_opened(postgres, name))
                await pause.reached()
                async with asyncio.timeout(10):
                    assert await before.claim(new) == []
                    assert await before.settle(settled(new))
                assert not starting.done()
                await pause.release()
                await starting
        async with _store(postgres, name) as store:
            (found,) = await _lists(store, [old.payer])
            assert {one.key for one in found} == {old.key, new.key}

    async def test_the_program_before_works_on(self, postgres: Databases) -> None:
        """What it claims and settles is whole to the new one, and the other way round."""
        name = await _second_version(postgres)
        theirs, ours = _bought_by("user-1", "theirs"), _bought_by("user-1", "ours")
        async with _program(postgres, name) as before, _store(postgres, name) as store:
            assert await before.claim(theirs) == []
            assert await claim(store, ours) == Claimed()
            assert await find(store, theirs) == theirs
            assert await claim(store, theirs) == Taken(payment=theirs)
            assert [key for _, key in await before.claim(ours)] == [ours.key]
            assert await settle(store, settled(theirs))
            assert await before.settle(settled(ours), knows_the_user=False)
            assert not await before.settle(settled(ours))
            assert await find(store, ours) == settled(ours)
            async with store.view() as view:
                listed = await view.payments.newest(DEFAULT, 10, user_id="user-1")
            assert len(listed) == 2

    async def test_the_program_before_meets_the_archive(self, postgres: Databases) -> None:
        """A key that was used stays used to it, and ledger entries are none of its facts."""
        name = await _second_version(postgres)
        old = payment("old", created_at=NOW - LEASE)
        end = evolve(settled(old), turn=1)
        async with _program(postgres, name) as before, _store(postgres, name) as store:
            await claim(store, old)
            async with store.begin() as unit:
                assert await unit.payments.settle(end, [event("old")], entries_of(end))
                assert await unit.payments.archive(NOW, 10) == 1
            assert [key for _, key in await before.claim(payment("old"))] == [old.key]
            same_signature = payment("new", signature=old.signature)
            assert [key for _, key in await before.claim(same_signature)] == [old.key]
            assert await before.state_of(old) == "settled"
            assert await before.told() == {event("old").id}

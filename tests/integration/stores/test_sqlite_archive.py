"""What is archived in SQLite stays taken, whoever writes."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import NOW, key_of, payment, reservation, settled
from tillway.core.contracts.stores.steps import claim, settle, total
from tillway.core.errors import Code, Declined
from tillway.core.payments import Payment
from tillway.core.ports.store import Taken

_LATER = NOW + timedelta(days=40)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "tillway.db")
    await made.start()
    yield made
    await made.aclose()


async def _archived(store: SqliteStore, name: str) -> Payment:
    one = settled(payment(name, reservations=(reservation(name, limit=5),)))
    await claim(store, payment(name, reservations=one.reservations))
    assert await settle(store, one)
    async with store.begin(once=True) as unit:
        assert await unit.payments.archive(_LATER, 10) == 1
    return one


class TestArchive:
    async def test_an_archived_key_or_signature_is_taken(self, store: SqliteStore) -> None:
        """A claim finds what is archived, by either name, before any limit is looked at."""
        old = await _archived(store, "old")
        full = (reservation("full", amount=2, limit=1),)
        same_key = payment("old", signature="another", reservations=full)
        same_signature = payment("other", signature=old.signature, reservations=full)
        assert await claim(store, same_key) == Taken(payment=old)
        assert await claim(store, same_signature) == Taken(payment=old)
        assert await total(store, "old") == 1

    async def test_nobody_settles_under_an_archived_signature(self, store: SqliteStore) -> None:
        """A payment's signature may change until it settles, but not to one that was."""
        old = await _archived(store, "old")
        await claim(store, payment("new"))
        with pytest.raises(Declined) as refused:
            await settle(store, evolve(settled(payment("new")), signature=old.signature))
        assert refused.value.code is Code.SIGNATURE_REUSED
        assert await settle(store, settled(payment("new")))

    async def test_the_schema_itself_keeps_them_apart(self, store: SqliteStore) -> None:
        """A process of the version before, which does not look into the archive, is refused."""
        old = await _archived(store, "old")
        insert = (
            "INSERT INTO payments (chain, key, tenant, signature, state, owner, lease_until,"
            " created_at, signed, body)"
            " VALUES (?, ?, 'default', ?, 'claimed', 'process-a', 1, 1, x'', '{}')"
        )
        other = sqlite3.connect(store.path)
        for key, signature in ((old.key, "new"), (key_of("new"), old.signature)):
            with pytest.raises(sqlite3.IntegrityError, match="archived"):
                other.execute(insert, (old.chain, key, signature))
        other.execute(insert, (old.chain, key_of("new"), "new"))
        with pytest.raises(sqlite3.IntegrityError, match="archived"):
            other.execute("UPDATE payments SET signature = ?", (old.signature,))
        other.close()

    async def test_an_archive_that_is_interrupted_moves_nothing(self, store: SqliteStore) -> None:
        """A payment is in one of the two places, never in both or in none."""
        await claim(store, payment("old"))
        assert await settle(store, settled(payment("old")))

        async def interrupted() -> None:
            async with store.begin() as unit:
                assert await unit.payments.archive(_LATER, 10) == 1
                raise KeyError

        with pytest.raises(KeyError):
            await interrupted()
        other = sqlite3.connect(store.path)
        assert other.execute("SELECT count(*) FROM archive").fetchone() == (0,)
        assert other.execute("SELECT count(*) FROM payments").fetchone() == (1,)
        other.close()

"""Payers' lists in MongoDB, of payments that were written when there was no such list."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from support.mongo import Mongo
from support.store_places import mongo_database, mongo_open
from tillway.core.contracts.samples import payment, settled, watched
from tillway.core.contracts.stores.steps import claim, settle
from tillway.core.payments import Payment
from tillway.core.ports.store import Claimed, Store
from tillway.core.tenancy import DEFAULT

pytest.importorskip("motor", reason="motor is not installed")

if TYPE_CHECKING:
    pass

PAYMENTS, MARKS = "tillway_payments", "tillway_marks"
WALLET = "wallet"


async def bought(store: Store, *names: str) -> list[Payment]:
    claims = [payment(name, payer=WALLET, created_at=datetime.now(UTC)) for name in names]
    for one in claims:
        assert await claim(store, one) == Claimed()
        assert await settle(store, settled(one))
    return [settled(one) for one in claims]


async def as_before(place: str, payments: Collection[Payment], *, marked: bool) -> None:
    """Leave payments as the version before writes them, and the mark that it did not have."""
    async with mongo_database(place) as base:
        for one in payments:
            (found,) = await base.find(PAYMENTS, {"key": one.key})
            assert found.pop("payer") == WALLET
            assert found.pop("in_of_payer") is True
            assert await base.replace(PAYMENTS, [({"_id": found["_id"]}, found)]) == 1
        if not marked:
            await base.delete(MARKS, {"_id": "payers"})


async def listed(store: Store) -> set[str]:
    async with store.view() as view:
        return {one.key for one in await view.payments.of_payer(DEFAULT, WALLET, 99)}


class TestBeforeThereWereLists:
    async def test_what_had_settled_is_its_payers(self, mongo: Mongo) -> None:
        """From the first start of this version on, beside what is not over yet."""
        place = mongo.place()
        async with mongo_open(place) as store:
            ends = await bought(store, "a", "b", "c")
            await claim(store, payment("lives", payer=WALLET))
            await claim(store, payment("watched", payer=WALLET))
            assert await settle(store, watched(payment("watched", payer=WALLET)))
        await as_before(place, ends, marked=False)
        async with mongo_open(place) as store:
            assert await listed(store) == {one.key for one in (*ends, payment("watched"))}
            async with store.view() as view:
                assert await view.payments.find(ends[0].chain, ends[0].key) == ends[0]

    async def test_what_the_version_before_settles_is_found_by_the_next_start(
        self, mongo: Mongo
    ) -> None:
        """It runs beside this one until all its processes were replaced."""
        place = mongo.place()
        async with mongo_open(place) as store:
            await bought(store, "a")
        async with mongo_open(place) as store:
            late = await bought(store, "late")
        await as_before(place, late, marked=True)
        async with mongo_open(place) as store:
            assert await listed(store) == {payment(name).key for name in ("a", "late")}

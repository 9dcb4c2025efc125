"""Cleanup and archival in whole gateways: which of several does it, and what is left."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.shop import Shop, another_gateway, open_shop
from support.waiting import until
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.ids import Nonce
from tillway.core.payments import Payment
from tillway.core.ports.store import NonceUse, SingleUse
from tillway.core.services.books.sequencing import LEASE_NAME
from tillway.core.services.cleanup import MARGIN, STEPS, in_batches
from tillway.core.services.turns import LEASE

A_DAY = timedelta(days=1)
LONG: dict[str, Any] = {"archival": {"enabled": True, "retention_period": "48h"}}


async def add_nonces(shop: Shop, count: int) -> None:
    now = shop.clock.now()
    async with shop.gateway.store.begin() as unit:
        for number in range(count):
            await unit.nonces.add(nonce_of(shop, f"{now.timestamp()}-{number}"))


def nonce_of(shop: Shop, name: str) -> SingleUse:
    now = shop.clock.now()
    return SingleUse(
        nonce=Nonce(name),
        tenant=shop.tenant,
        purpose="approve",
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )


async def archived(shop: Shop) -> Sequence[Payment]:
    async with shop.gateway.store.view() as view:
        return await view.payments.archived(shop.tenant, 100)


@pytest.mark.parametrize("storage", ["file", "postgres"], indirect=True)
class TestTwoGateways:
    async def test_one_that_stood_still_has_lost_its_turn_and_does_no_harm(
        self, still_shop: Shop, storage: dict[str, Any]
    ) -> None:
        """It wakes up in the middle of its work, and finds that another has done it."""
        async with another_gateway(still_shop, background=False, storage=storage) as other:
            await add_nonces(still_shop, 250)
            still_shop.clock.forward(MARGIN + timedelta(minutes=6))
            leader, second = (each.gateway.services.cleanup for each in (still_shop, other))
            assert await leader.turn.begin()
            assert await leader.turn.goes_on()
            early = await second.run()

            still_shop.clock.forward(LEASE + timedelta(seconds=1))
            done = await second.run()
            fresh = nonce_of(still_shop, "fresh")
            async with still_shop.gateway.store.begin() as unit:
                await unit.nonces.add(fresh)
            late = await in_batches(leader.store, leader.turn, STEPS["nonces"])
            async with still_shop.gateway.store.begin() as unit:
                now = still_shop.clock.now()
                used = await unit.nonces.use(still_shop.tenant, fresh.nonce, "approve", now)

        assert early == {}
        assert done["nonces"] == 250
        assert late == 0
        assert used is NonceUse.USED

    async def test_of_two_at_once_one_cleans_up(
        self, still_shop: Shop, storage: dict[str, Any]
    ) -> None:
        """And together they remove each row once."""
        async with another_gateway(still_shop, background=False, storage=storage) as other:
            await add_nonces(still_shop, 120)
            still_shop.clock.forward(MARGIN + timedelta(minutes=6))
            workers = [each.gateway.services.cleanup for each in (still_shop, other)]
            done = await asyncio.gather(*(worker.run() for worker in workers))

        assert sorted(each.get("nonces", -1) for each in done) == [-1, 120]


class TestInTheBackground:
    async def test_old_payments_are_archived_and_still_known(self, tmp_path: Path) -> None:
        """By itself, counted, and to be looked up by their signature as before."""
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db"), **LONG}
        async with open_shop(storage=place) as shop:
            answer = await shop.paid(shop.buyer())
            assert answer.status == 200
            shop.clock.forward(timedelta(seconds=15))
            await until(lambda: _none_watched(shop))
            shop.clock.forward(3 * A_DAY)
            await until(lambda: _is_counted(shop))

            signature = answer.body["signature"]
            found = await shop.get(f"/paywall/v1/x402-transaction/verify?signature={signature}")
            moved, metrics = await archived(shop), (await shop.get("/metrics")).body

        assert found.status == 200
        assert found.body["resource_id"] == "article"
        assert [payment.signature for payment in moved] == [signature]
        assert "cedros_archival_records_deleted_total 1.0" in metrics

    async def test_nothing_is_archived_unless_it_is_wanted(self, tmp_path: Path) -> None:
        """It is off by default."""
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
        async with open_shop(background=False, storage=place) as shop:
            assert shop.gateway.services.archival is None

    async def test_nonces_are_removed(self, tmp_path: Path) -> None:
        """By itself, as often as the settings say."""
        every = {"cleanup_interval": "1m"}
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db"), **every}
        async with open_shop(storage=place) as shop:
            await add_nonces(shop, 3)
            shop.clock.forward(MARGIN + timedelta(minutes=10))
            await until(lambda: _no_nonces(shop))


class TestLeaving:
    async def test_who_leaves_lets_others_number_facts_at_once(self) -> None:
        """Nobody has to wait until its turn is over for what sellers hear."""
        store = MemoryStore()
        async with open_shop(background=False, store=store) as shop:
            assert (await shop.paid(shop.buyer())).status == 200
            assert await shop.gateway.services.sequence.sweep() > 0
            now = shop.clock.now()

        async with store.begin() as unit:
            assert await unit.leases.acquire(LEASE_NAME, "other", now, now + LEASE)


async def _none_watched(shop: Shop) -> bool:
    return not any(each.watched for each in await shop.payments())


async def _is_counted(shop: Shop) -> bool:
    return "cedros_archival_runs_total 1.0" in (await shop.get("/metrics")).body


async def _no_nonces(shop: Shop) -> bool:
    long_ago = shop.clock.now() - 9 * A_DAY
    async with shop.gateway.store.view() as view:
        return await view.nonces.waiting(shop.tenant, "approve", long_ago) == 0

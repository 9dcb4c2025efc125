"""Records that are as large as they may be, many of them at once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from support.manual_clock import ManualClock
from support.mongo import Mongo
from support.store_places import mongo_at
from tillway.core.contracts.samples import NOW, inbound
from tillway.core.ports.store import Store
from tillway.core.services.cleanup import DELIVERIES_KEPT, EVENTS_KEPT, Cleanup
from tillway.core.services.turns import Turn

pytest.importorskip("motor", reason="motor is not installed")

LARGE: Final = 900 * 1024
"""Bytes: what somebody sends us may have a megabyte."""

MANY: Final = 45
"""More than MongoDB takes in one document: 16 megabytes."""


@pytest.fixture
async def store(mongo: Mongo) -> AsyncIterator[Store]:
    store = mongo_at(mongo.place(), 10.0)
    await store.start()
    yield store
    await store.aclose()


class TestCleanup:
    async def test_what_is_too_much_at_once_goes_by_fewer(self, store: Store) -> None:
        """And keeps nothing else from being cleaned up."""
        for n in range(MANY):
            sent = evolve(inbound(f"{n}"), body=b"x" * LARGE)
            async with store.begin() as unit:
                await unit.inbox.receive(sent)
                await unit.inbox.apply(sent.tenant, sent.source, sent.id, NOW)
        clock = ManualClock()
        clock.time = NOW + max(EVENTS_KEPT, DELIVERIES_KEPT) + timedelta(days=1)
        turn = Turn(
            store=store, clock=clock, owner="one", name="cleanup", every=timedelta(minutes=5)
        )
        done = await Cleanup(store=store, turn=turn).run()
        assert done["inbox"] == MANY

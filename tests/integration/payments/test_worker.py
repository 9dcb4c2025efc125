"""`tillway worker` does all that `tillway serve --no-background` leaves undone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.command import running
from support.crew import Crew, Server, crew
from support.shop import Shop, v2_header
from support.waiting import until
from tillway.core.payments import State

QUICK: dict[str, Any] = {"confirm_wait": "500ms", "claim_lease": "1s", "confirm_poll": "50ms"}
PATH = "/paywall/article"


@pytest.fixture
async def still(tmp_path: Path) -> AsyncIterator[Crew]:
    """Serve a gateway that does nothing by itself, on a chain of quick slots."""
    async with crew(tmp_path, background=False, slot_ms=20, x402=QUICK) as made:
        yield made


@asynccontextmanager
async def working(server: Server) -> AsyncIterator[None]:
    """Run a worker; the chain that it asks lives in this process, so nothing here may block."""
    wallet = {"X402_SERVER_WALLET_1": server.secret}
    arguments = ("worker", "-c", server.settings)
    worker = running(*arguments, folder=server.folder, until="works", **wallet)
    await asyncio.to_thread(worker.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(worker.__exit__, None, None, None)


async def is_over(shop: Shop, state: State) -> bool:
    (payment,) = await shop.payments()
    return payment.state is state and not payment.watched


async def sealed(shop: Shop) -> bool:
    async with shop.gateway.store.view() as view:
        return not await view.events.unsealed(1)


@pytest.mark.timeout(120)
class TestWorker:
    async def test_it_finishes_watches_and_seals(self, still: Crew) -> None:
        """A server dies in the middle of a payment; another one without a worker lets it lie."""
        shop, (server,) = still.shop, still.servers
        offer = (await shop.offer()).offer
        header = v2_header(shop.sign(shop.buyer(), offer), offer)
        shop.faults.latency_ms = {"getSignatureStatuses": 3000}
        asking = asyncio.create_task(shop.get(PATH, header))
        await until(lambda: _has_landed(shop))
        await server.kill()
        await asyncio.gather(asking, return_exceptions=True)
        shop.faults.latency_ms = {}
        await server.start()
        await asyncio.sleep(3)
        (left,) = await shop.payments()

        async with working(server):
            await until(lambda: is_over(shop, State.SETTLED), 40)
            await until(lambda: sealed(shop), 20)
        granted = await shop.get(PATH, header)

        assert left.is_live
        assert granted.status == 200
        assert [event.type for event in await shop.events()] == ["payment.succeeded"]


async def _has_landed(shop: Shop) -> bool:
    return shop.balance() > 0

"""A buyer who is told to pay anew never pays twice: what he was refused for is not sent again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from attrs import define

from support.chain import Wallet
from support.shop import ARTICLE, Answer, Shop, open_shop, v2_header
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Store
from tillway.entrypoints.sandbox.chain import Kind

PATH = "/paywall/article"
POOR = {
    "code": -32002,
    "message": "Transaction simulation failed: Error processing Instruction 2: "
    "custom program error: 0x1",
}
"""How a node refuses in preflight what would in truth go through."""


@define
class Absent:
    """A store that can be away for writers."""

    store: Store
    away: bool = False

    def view(self, **how: Any) -> Any:
        return self.store.view(**how)

    @asynccontextmanager
    async def begin(self, **how: Any) -> AsyncIterator[Any]:
        if self.away:
            raise Unavailable
        async with self.store.begin(**how) as unit:
            yield unit


async def offered(shop: Shop, buyer: Wallet) -> dict[str, str]:
    offer = (await shop.offer()).offer
    return v2_header(shop.sign(buyer, offer), offer)


async def paid_anew(shop: Shop, buyer: Wallet, answer: Answer) -> None:
    """Do as a client does: pay any offer that is seen."""
    if answer.required:
        await shop.get(PATH, v2_header(shop.sign(buyer, answer.offer), answer.offer))


async def let_the_resolver_work(shop: Shop) -> None:
    for _ in range(4):
        shop.clock.forward(timedelta(seconds=10))
        await asyncio.sleep(0.2)


class TestWhatCouldNotBeStored:
    async def test_is_not_told(self) -> None:
        """The store is away while the refusal is written: the buyer hears that it is open."""
        async with open_shop() as shop:
            settle = shop.gateway.settle
            absent = Absent(settle.endings.store, away=True)
            settle.endings.store = settle.leases.store = absent  # type: ignore[assignment]  # it stands in for a store
            buyer = shop.buyer()
            header = await offered(shop, buyer)
            shop.faults.spoil(Kind.ERROR, "sendTransaction", times=1, **POOR)

            asking = asyncio.create_task(shop.get(PATH, header))
            while not asking.done():
                await asyncio.sleep(0.05)
                shop.clock.forward(timedelta(seconds=1))
            answer = await asking
            absent.away = False
            await paid_anew(shop, buyer, answer)
            await let_the_resolver_work(shop)

            assert answer.code == "transaction_not_confirmed"
            assert answer.required is None
            assert shop.balance() == ARTICLE


class TestAPause:
    async def test_a_process_that_stood_still_does_not_take_its_own_payment_over(self) -> None:
        """The clock goes on by more than a lease while a payment is being sent."""
        async with open_shop(confirm_delay_ms=200) as shop:
            buyer = shop.buyer()
            header = await offered(shop, buyer)
            shop.faults.latency_ms = {"sendTransaction": 600}
            shop.faults.spoil(Kind.ERROR, "sendTransaction", times=1, **POOR)

            asking = asyncio.create_task(shop.get(PATH, header))
            await asyncio.sleep(0.2)
            shop.clock.forward(timedelta(seconds=6))
            answer = await asking
            shop.faults.latency_ms = {}
            await paid_anew(shop, buyer, answer)
            await let_the_resolver_work(shop)

            assert answer.status == 402
            assert shop.balance() == ARTICLE

"""Servers are killed while refunds are paid out: each is paid once, and the books say so."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define

from support.chain import USDC, Wallet, old_blockhash_of
from support.crew import Crew, crew
from support.postgres import Databases, databases
from support.refunds import (
    VERIFY,
    Bought,
    approve,
    books,
    refund_header,
    refunds_of,
    repay,
    stored,
)
from support.shop import ARTICLE, Shop, v2_header
from support.waiting import until
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.counts import count
from tillway.core.refunds import RefundState
from tillway.core.secrets import Secret
from tillway.core.services.books.audit import Audit
from tillway.entrypoints.sandbox.chain import fund

REFUNDS, SHARED = count(3, 60), count(2, 30)
"""Refunds, with a store in a file and with one in PostgreSQL."""

AT_ONCE = 5
LONG = 3.5
"""Seconds: longer than a blockhash lives on this test's chain."""

QUICK: dict[str, Any] = {
    "confirm_wait": "2s",
    "claim_lease": "1s",
    "confirm_poll": "50ms",
    "commitment": "finalized",
}
"""What is settled is final, so that it can be given back at once."""


@define
class Merchant:
    """Pays refunds out, and signs anew whenever he does not hear that it was done."""

    made: Crew
    chance: random.Random
    signed: int = 0

    async def pays(self, refund: str) -> None:
        """Go on until it is processed."""
        while (await stored(self.made.shop, refund)).state is not RefundState.PROCESSED:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.wait_for(self._tries(refund), 10)
            await asyncio.sleep(self.chance.uniform(0.02, 0.2))

    async def approves(self, refund: str) -> None:
        """Approve it, again whenever its time is over, until it is processed."""
        while (await stored(self.made.shop, refund)).state is not RefundState.PROCESSED:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.wait_for(approve(self._somewhere(), refund), 10)
            await asyncio.sleep(0.5)

    async def _tries(self, refund: str) -> None:
        shop = self._somewhere()
        approved = await approve(shop, refund)
        if approved.status != 200:
            return
        quote = approved.body["quote"]
        self.signed += 1
        blockhash = old_blockhash_of(shop.chain)
        raw = repay(shop, quote, price=self.signed, blockhash=blockhash)
        for _ in range(self.chance.choice([1, 1, 2])):
            await self._somewhere().post(VERIFY, headers=refund_header(raw, quote))

    def _somewhere(self) -> Shop:
        return self.chance.choice(self.made.shops)


async def trouble(made: Crew, chance: random.Random) -> None:
    """Kill a server whenever something has landed, or at any other moment; start it again."""
    landed = asyncio.Event()
    made.shop.chain.on_landed.append(lambda _: landed.set())
    while True:
        landed.clear()
        if chance.random() < 0.7:
            await landed.wait()
            await asyncio.sleep(chance.choice([0, 0, 0.005, 0.02]))
        else:
            await asyncio.sleep(chance.uniform(0, 0.8))
        server = chance.choice(made.servers)
        await server.kill()
        await asyncio.sleep(chance.choice([0, 0, 0, 0, LONG]))
        await server.start()


async def sold(made: Crew, count: int) -> Sequence[Bought]:
    """Sell articles."""
    found = []
    for _ in range(count):
        buyer: Wallet = made.shop.buyer()
        shop = made.shops[0]
        offer = (await shop.offer()).offer
        signed = shop.sign(buyer, offer, blockhash=old_blockhash_of(shop.chain))
        answer = await shop.get("/paywall/article", v2_header(signed, offer))
        assert answer.status == 200, answer.body
        found.append(Bought(shop, buyer, answer.body["signature"]))

    return found


@pytest.fixture(scope="module")
def durable() -> Iterator[Databases]:
    """Give a server of this module's own, which keeps what it acknowledges."""
    with databases(durable=True) as made:
        yield made


@pytest.mark.timeout(count(150, 600))
class TestKilled:
    async def test_while_the_merchant_pays_each_is_paid_once(self, tmp_path: Path) -> None:
        """Whatever was lost, every customer has his money back once, and no more than it."""
        await assert_merchant_pays_once(tmp_path, REFUNDS)

    async def test_nor_twice_in_postgresql(self, tmp_path: Path, durable: Databases) -> None:
        """The same on a server that the gateways' processes share."""
        database = durable.server.url(await durable.fresh())
        await assert_merchant_pays_once(tmp_path, SHARED, database)

    async def test_while_a_wallet_of_ours_pays_each_is_paid_once(self, tmp_path: Path) -> None:
        """Nobody but the servers signs anything, and they are killed when it lands."""
        await assert_wallet_pays_once(tmp_path, REFUNDS)

    async def test_nor_twice_by_a_wallet_in_postgresql(
        self, tmp_path: Path, durable: Databases
    ) -> None:
        """The same on a server that the gateways' processes share."""
        database = durable.server.url(await durable.fresh())
        await assert_wallet_pays_once(tmp_path, SHARED, database)


async def assert_merchant_pays_once(
    folder: Path, refunds: int, database: Secret | None = None
) -> None:
    """Have the merchant pay refunds out while servers are killed, then compare everything."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    async with crew(
        folder, count=2, slot_ms=20, confirm_delay_ms=200, database=database, x402=QUICK
    ) as made:
        merchant = Merchant(made, chance)
        await assert_paid_once(made, chance, merchant.pays, seed, refunds)
    print(f"seed {seed}: {refunds} refunds, {merchant.signed} transactions signed")


async def assert_wallet_pays_once(
    folder: Path, refunds: int, database: Secret | None = None
) -> None:
    """Have a wallet of the servers' pay refunds out while they are killed."""
    seed = random.randrange(2**32)
    chance, wallet = random.Random(seed), Wallet()
    async with crew(
        folder,
        count=2,
        slot_ms=20,
        confirm_delay_ms=200,
        database=database,
        environment={"X402_REFUND_WALLET": str(wallet.keypair)},
        x402=QUICK,
    ) as made:
        fund(made.shop.chain, wallet.address, USDC.mint, 10 * ARTICLE * refunds, 10**9)
        merchant = Merchant(made, chance)
        await assert_paid_once(made, chance, merchant.approves, seed, refunds)
        assert wallet.balance(made.shop.chain) == 9 * ARTICLE * refunds, seed
    print(f"seed {seed}: {refunds} refunds paid by themselves")


async def assert_paid_once(
    made: Crew,
    chance: random.Random,
    pays: Callable[[str], Awaitable[None]],
    seed: int,
    amount: int,
) -> None:
    """Have refunds be paid while servers are killed, then compare everything."""
    cases = await sold(made, amount)
    before = [each.buyer.balance(made.shop.chain) for each in cases]
    refunds = [await each.asked() for each in cases]
    made.shop.faults.latency_ms = {"*": 15}
    places = asyncio.Semaphore(AT_ONCE)

    async def one(refund: str) -> None:
        async with places:
            await pays(refund)

    troubling = asyncio.create_task(trouble(made, chance))
    try:
        await asyncio.gather(*(one(each) for each in refunds))
    finally:
        troubling.cancel()
        await asyncio.gather(troubling, return_exceptions=True)
    for server in made.servers:
        await server.kill()
        await server.start()
    await until(lambda: is_over(made.shop), 60)
    got = [
        each.buyer.balance(made.shop.chain) - was for each, was in zip(cases, before, strict=True)
    ]
    assert got == [ARTICLE] * amount, seed
    payment = await cases[0].payment()
    assert (await books(made.shop, payment, payment.pay_to))[0] == 0, seed
    for case in cases:
        (refund,) = await refunds_of(made.shop, case.purchase)
        assert refund.state is RefundState.PROCESSED
    told = [event.type for event in await made.shop.events()]
    assert told.count("refund.succeeded") == amount
    report = await Audit(store=made.shop.gateway.store, signatures=HeadSignatures()).run()
    assert report.faults == [], seed


async def is_over(shop: Shop) -> bool:
    return not any(payment.is_live for payment in await shop.payments())

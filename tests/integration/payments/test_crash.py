"""The server is killed at random moments while buyers pay: nothing is lost, nothing is doubled."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define, field

from support.chain import Wallet
from support.crew import Crew, crew
from support.postgres import Databases, databases
from support.shop import ARTICLE, Answer, Shop, v2_header
from support.waiting import until
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.counts import count
from tillway.core.payments import State
from tillway.core.secrets import Secret
from tillway.core.services.books.audit import Audit

PAYMENTS = count(40, 300)
LEAST_TROUBLE = count(2, 20)
LONG = 3.5
"""Seconds: longer than a blockhash lives on this test's chain."""

AT_ONCE = 8
PATH = "/paywall/article"
QUICK: dict[str, Any] = {"confirm_wait": "2s", "claim_lease": "1s", "confirm_poll": "50ms"}
ENOUGH = 10 * ARTICLE


@define
class Buyer:
    """Wants one article, keeps asking with the proof he has, and pays anew only when told to.

    ``proofs`` are all that he has ever signed: with each goes the quote that it was signed for.
    """

    made: Crew
    chance: random.Random
    wallet: Wallet
    proofs: list[Mapping[str, str]] = field(factory=list)
    granted: Answer | None = None
    wrong: list[str] = field(factory=list)

    async def buys(self) -> None:
        """Ask until it is granted."""
        while self.granted is None:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._tries()
            await asyncio.sleep(self.chance.uniform(0.02, 0.15))

    async def _tries(self) -> None:
        if not self.proofs:
            await self._signs()
        answer = await asyncio.wait_for(self._somewhere().get(PATH, self.proofs[-1]), 10)
        if answer.status == 200:
            self.granted = answer
        elif answer.required is not None:
            await self._signs()
        elif answer.status not in (402, 502, 503, 504):
            self.wrong.append(f"{answer.status} {answer.body}")

    async def _signs(self) -> None:
        shop = self._somewhere()
        offer = (await asyncio.wait_for(shop.offer(), 10)).offer
        self.proofs.append(v2_header(shop.sign(self.wallet, offer), offer))

    def _somewhere(self) -> Shop:
        return self.chance.choice(self.made.shops)

    def spent(self) -> int:
        """Tell what the article has cost him, by the chain."""
        return ENOUGH - self.wallet.balance(self.made.shop.chain)


@define
class Trouble:
    """Kills servers at random moments and starts them again; every other time when it hurts.

    That is just when something has landed: the money has moved, and nobody has written it down.
    With several servers some only stand still, for longer than their leases, and wake up.
    """

    made: Crew
    chance: random.Random
    times: int = 0
    landed: asyncio.Event = field(factory=asyncio.Event)

    async def run(self) -> None:
        """Go on until cancelled."""
        self.made.shop.chain.on_landed.append(lambda _: self.landed.set())
        while True:
            await self._moment()
            self.times += 1
            server = self.chance.choice(self.made.servers)
            if len(self.made.servers) > 1 and self.chance.random() < 0.4:
                await server.stand_still(self.chance.uniform(0.5, 3))
                continue
            await server.kill()
            await asyncio.sleep(self.chance.choice([0, 0, 0, 1, LONG]))
            await server.start()

    async def _moment(self) -> None:
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.uniform(0, 0.8))
            return
        self.landed.clear()
        await self.landed.wait()
        await asyncio.sleep(self.chance.choice([0, 0, 0.005, 0.02, 0.05]))


async def queue_up(trouble: Trouble, made: Crew, chance: random.Random) -> Sequence[Buyer]:
    """Have all buyers buy, some at a time, and more of them until there was trouble enough."""
    buyers = await buy(made, chance, PAYMENTS)
    while trouble.times < LEAST_TROUBLE:
        buyers += await buy(made, chance, AT_ONCE)
    return buyers


async def buy(made: Crew, chance: random.Random, count: int) -> list[Buyer]:
    """Have so many buyers buy, some at a time."""
    buyers = [Buyer(made, chance, made.shop.buyer(ENOUGH)) for _ in range(count)]
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(buyer: Buyer) -> None:
        async with places:
            await buyer.buys()

    await asyncio.gather(*(in_turn(buyer) for buyer in buyers))
    return buyers


@pytest.fixture(scope="module")
def durable() -> Iterator[Databases]:
    """Give a server of this module's own, which keeps what it acknowledges."""
    with databases(durable=True) as made:
        yield made


@pytest.mark.timeout(count(200, 900))
class TestKilled:
    @pytest.mark.parametrize(
        ("count", "workers"), [(1, 1), (1, 2), (2, 1)], ids=["one", "two workers", "two servers"]
    )
    async def test_none_is_lost_and_none_doubled(
        self, tmp_path: Path, count: int, workers: int
    ) -> None:
        """Every buyer has his article for one price, and the books agree with the chain."""
        await assert_survives(tmp_path, count, workers)

    async def test_nor_in_postgresql(self, tmp_path: Path, durable: Databases) -> None:
        """The same on a server that the gateways' processes share."""
        await assert_survives(tmp_path, 2, 1, durable.server.url(await durable.fresh()))


async def assert_survives(
    folder: Path, count: int, workers: int, database: Secret | None = None
) -> None:
    """Kill servers while buyers buy, then compare everything."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    async with crew(
        folder,
        count=count,
        workers=workers,
        slot_ms=20,
        confirm_delay_ms=200,
        database=database,
        x402=QUICK,
    ) as made:
        made.shop.faults.latency_ms = {"*": 15}
        trouble = Trouble(made, chance)
        buyers = await troubled(trouble, made, chance)
        for server in made.servers:
            await server.kill()
            await server.start()
        await until(lambda: is_over(made.shop), 60)
        await assert_books(made, buyers)
        await assert_free(made, chance.sample(buyers, 5))
        starts = sorted(start for server in made.servers for start in server.starts)
    proofs = sum(len(each.proofs) for each in buyers)
    late = starts[int(len(starts) * 0.95)]
    print(f"seed {seed}: {trouble.times} times, {proofs} proofs, ready after {late:.2f} s (p95)")


async def troubled(trouble: Trouble, made: Crew, chance: random.Random) -> Sequence[Buyer]:
    """Have all buyers buy while servers die."""
    troubling = asyncio.create_task(trouble.run())
    try:
        return await queue_up(trouble, made, chance)
    finally:
        troubling.cancel()
        await asyncio.gather(troubling, return_exceptions=True)


async def is_over(shop: Shop) -> bool:
    return not any(payment.is_live for payment in await shop.payments())


async def assert_books(made: Crew, buyers: Sequence[Buyer]) -> None:
    """Compare chain, rows and events: one of each for every article that was granted."""
    shop = made.shop
    payments, events = await shop.payments(), await shop.events()
    settled = [payment for payment in payments if payment.state is State.SETTLED]
    signatures = [payment.signature for payment in settled]
    landed = [one.signature for one in shop.chain.landings.all() if one.err is None]

    assert [buyer.wrong for buyer in buyers if buyer.wrong] == []
    assert {buyer.spent() for buyer in buyers} == {ARTICLE}
    assert shop.balance() == ARTICLE * len(settled) == ARTICLE * len(buyers)
    assert sorted(signatures) == sorted(landed)
    assert sorted(str(event.body["proofSignature"]) for event in events) == sorted(signatures)
    granted = [buyer.granted.body["signature"] for buyer in buyers if buyer.granted]
    assert sorted(granted) == sorted(signatures)
    report = await Audit(store=shop.gateway.store, signatures=HeadSignatures()).run()
    assert report.faults == []
    assert report.entries == len(settled)


async def assert_free(made: Crew, buyers: Sequence[Buyer]) -> None:
    """Ask some again: their answers are still there, and cost nothing."""
    before = made.shop.balance()
    for buyer in buyers:
        again = await made.shop.get(PATH, buyer.proofs[-1])
        assert buyer.granted is not None
        assert again.body == buyer.granted.body
    assert made.shop.balance() == before

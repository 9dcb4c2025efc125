"""The server is killed while periods are paid: whoever has paid has his period, and has it once."""

import asyncio
import random
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest

from support.crew import Crew, crew
from support.members import GOLD, MEMBERS, activated, proof, quoted, signed
from support.shop import Answer
from support.waiting import until
from tillway.core.contracts.counts import count
from tillway.core.payments import State

pytestmark = pytest.mark.asyncio

BUYERS = count(4, 40)
QUICK = {"confirm_wait": "2s", "claim_lease": "1s", "confirm_poll": "50ms"}


@pytest.mark.timeout(600)
class TestKilled:
    async def test_the_period_is_there_with_its_payment(self, tmp_path: Path) -> None:
        """Killed about the moment in which the money moves, before anybody has activated."""
        chance = random.Random(7)
        async with crew(tmp_path, slot_ms=20, confirm_delay_ms=150, x402=QUICK, **MEMBERS) as made:
            for _ in range(BUYERS):
                await _pays_and_asks(made, chance)
            payments = await made.shop.payments()
            assert [each.state for each in payments] == [State.SETTLED] * BUYERS
            assert made.shop.balance() == BUYERS * GOLD
            told = [each.type for each in await made.shop.events()]
            assert told.count("subscription.created") == BUYERS
            assert told.count("subscription.renewed") == 0


async def _pays_and_asks(made: Crew, chance: random.Random) -> None:
    shop, server = made.shops[0], made.servers[0]
    buyer = shop.buyer(usdc=2 * GOLD)
    transaction = signed(shop, buyer, await quoted(shop))
    landed: asyncio.Queue[str] = asyncio.Queue()
    shop.chain.on_landed.append(lambda one: landed.put_nowait(str(one.signature)))
    paying = asyncio.create_task(shop.post("/paywall/v1/verify", None, proof(shop, transaction)))
    signature = await landed.get()
    await asyncio.sleep(chance.choice([0, 0.01, 0.05, 0.2, 0.4]))
    await server.kill()
    await asyncio.gather(paying, return_exceptions=True)
    await server.start()
    seen: list[Answer] = []

    async def runs() -> bool:
        with suppress(aiohttp.ClientError, OSError):
            seen.append(await activated(shop, str(buyer.address), signature))
        return bool(seen) and seen[-1].status == 200

    await until(runs, 30)
    again = await activated(shop, str(buyer.address), signature)
    assert again.body == seen[-1].body
    start = datetime.fromisoformat(again.body["periodStart"])
    assert 28 <= (datetime.fromisoformat(again.body["periodEnd"]) - start).days <= 31

import asyncio
import random
from collections.abc import Sequence

import pytest

from support.chain import blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.solana import rpc_to, sender_over, signed_for
from support.worse import KINDS, METHODS, worse
from tillway.adapters.x402.settle import Sender
from tillway.core.contracts.counts import count
from tillway.core.errors import Unavailable
from tillway.core.payments import Failed, Outcome, Settled, Unresolved
from tillway.core.ports.rails import Signed
from tillway.entrypoints.sandbox.chain import Chain, Faults, Served, serve_chain

SEEDS = count(4, 150)
PAYMENTS = 12
DELAYS = (0, 500, 5_000)


def _forget(faults: Faults, chance: random.Random, chain: Chain) -> None:
    """Make a node less than well just when it is asked what became of the payments."""
    match chance.randrange(4):
        case 0:
            faults.first_available_slot = chain.slots.now
        case 1:
            faults.behind_slots = chance.choice([40, 190, 400])
        case 2:
            faults.spoil(chance.choice(KINDS), chance.choice(METHODS))


async def _chaos(nodes: Sequence[Served], chance: random.Random, clock: QuickClock) -> None:
    while True:
        node = chance.choice(nodes)
        worse(node.faults, chance, clock(), DELAYS)
        await clock.sleep(chance.uniform(0.1, 2))
        if chance.random() < 0.4:
            node.faults.clear()


async def _sent(sender: Sender, signed: Signed) -> Outcome:
    try:
        return await sender.send(signed)
    except Unavailable as away:
        return Unresolved(reason=str(away))


def _truth(chain: Chain, signed: Signed) -> tuple[type[Outcome], bool]:
    landed = chain.landings.get(signed.signature)
    if landed is None:
        return Failed, False
    return (Settled, True) if landed.err is None else (Failed, True)


def _said(outcome: Outcome) -> tuple[type[Outcome], bool]:
    landed = outcome.landed if isinstance(outcome, Failed) else isinstance(outcome, Settled)
    return type(outcome), landed


class TestUnderFaults:
    @pytest.mark.parametrize("seed", range(SEEDS))
    async def test_what_is_said_is_what_happened(self, seed: int) -> None:
        """Two nodes fail, lag, forget and drop at random; no outcome contradicts the chain.

        While it lasts, payments may stay unresolved, even past their last possible block. When
        the nodes are well again, each one is looked up as what became of it.
        """
        chance, clock = random.Random(seed), QuickClock()
        chain = Chain(clock=clock, confirm_delay_ms=3_000)
        buyer, seller = funded(chain, 10 * PAYMENTS), funded(chain)
        async with (
            serve_chain(chain) as first,
            serve_chain(chain) as second,
            rpc_to([first.rpc_url, second.rpc_url], clock, timeout=0.5) as rpc,
            sender_over(rpc, ws_url=first.ws_url, skip_preflight=chance.random() < 0.5) as sender,
        ):
            sender.patience = 25
            claims = [
                await signed_for(rpc, pay(buyer, seller.address, amount, blockhash_of(chain)))
                for amount in [chance.choice([10, 10, 10_000]) for _ in range(PAYMENTS)]
            ]
            for node in [first, second] * 2:
                worse(node.faults, chance, clock(), DELAYS)
            storm = asyncio.create_task(_chaos([first, second], chance, clock))
            outcomes = await asyncio.gather(*(_sent(sender, claim) for claim in claims))
            storm.cancel()
            await asyncio.gather(storm, return_exceptions=True)
            clock.forward(200 * 0.4)
            for node in (first, second):
                node.faults.clear()
                _forget(node.faults, chance, chain)
            chain.tick()
            looks = [await sender.look(claim) for claim in claims]
            first.faults.clear()
            second.faults.clear()
            clock.forward(200 * 0.4)
            chain.tick()
            ends = [await sender.look(claim) for claim in claims]
        truth = [_truth(chain, claim) for claim in claims]
        assert [_said(end) for end in ends] == truth
        for outcome, look, true in zip(outcomes, looks, truth, strict=True):
            assert isinstance(outcome, Unresolved) or _said(outcome) == true
            assert isinstance(look, Unresolved) or _said(look) == true
        paid = sum(claim == (Settled, True) for claim in truth)
        assert seller.balance(chain) == 10 * paid

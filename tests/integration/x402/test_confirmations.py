import asyncio
from typing import Any

import pytest
from solders.signature import Signature

from support.chain import blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.scripted_node import scripted
from support.solana import Wire, rpc_to
from tillway.adapters.x402.answers import Level, Status
from tillway.adapters.x402.confirm import LANDING_MARGIN, Confirmations, Silence
from tillway.adapters.x402.rpc import Rpc
from tillway.core.errors import Unavailable
from tillway.entrypoints.sandbox.chain import Chain, Kind, Served

FAR = 10**9
"""A last valid height that no test reaches."""


def _signature() -> Signature:
    return Signature.new_unique()


def _nothing(slot: int = 1_000) -> Any:
    def answer(method: str, params: list[Any]) -> Any:
        if method == "getLatestBlockhash":
            value = {"blockhash": "1" * 32, "lastValidBlockHeight": slot - 100 + 150}
            return {"context": {"slot": slot}, "value": value}
        return {"context": {"slot": slot}, "value": [None] * len(params[0])}

    return answer


class TestPolling:
    async def test_asks_for_all_pending_in_batches_of_256(self, quick: QuickClock) -> None:
        """600 payments are three requests a round, and every one of them is asked about."""
        async with scripted(_nothing()) as node, rpc_to([node.url], quick) as rpc:
            confirmations = Confirmations(rpc=rpc, clock=quick)
            wanted = [_signature() for _ in range(600)]
            waits = [asyncio.create_task(confirmations.wait(one, FAR, 2)) for one in wanted]
            words = await asyncio.gather(*waits)
            batches = [p[0] for name, p in node.asked if name == "getSignatureStatuses"]
        assert [len(batch) for batch in batches[:3]] == [256, 256, 88]
        assert max(len(batch) for batch in batches) == 256
        assert {text for batch in batches[:3] for text in batch} == {str(one) for one in wanted}
        assert set(words) == {Silence(reason="not confirmed in time")}

    async def test_is_silent_when_nothing_is_pending(self, solana: Rpc, wire: Wire) -> None:
        """The poller starts on demand and ends with the last watch."""
        confirmations = Confirmations(rpc=solana, clock=solana.clock)
        await confirmations.wait(_signature(), FAR, 1)
        await asyncio.sleep(0.03)
        before = len(wire.seen)
        await asyncio.sleep(0.1)
        assert (len(wire.seen), confirmations.pending) == (before, 0)

    async def test_two_who_wait_for_one_signature_hear_the_same(
        self, solana: Rpc, quick_chain: Chain
    ) -> None:
        """One that leaves takes nothing from the other."""
        confirmations = Confirmations(rpc=solana, clock=solana.clock)
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        transaction = pay(buyer, seller.address, 7, blockhash_of(quick_chain))
        waits = [
            asyncio.create_task(confirmations.wait(transaction.signatures[0], FAR, 60))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        waits.pop().cancel()
        await solana.send(bytes(transaction), skip_preflight=True)
        one, other = await asyncio.gather(*waits)
        assert isinstance(one, Status)
        assert one == other

    async def test_refuses_more_than_its_bound(self, solana: Rpc) -> None:
        """Memory is bounded; nothing is watched by the one that is refused."""
        confirmations = Confirmations(rpc=solana, clock=solana.clock, most_pending=1)
        with confirmations.watching(_signature(), FAR, 1):
            with pytest.raises(Unavailable) as refused, confirmations.watching(_signature(), 1, 1):
                pytest.fail("watched")
            assert confirmations.pending == 1
        assert refused.value.retry_after
        await confirmations.aclose()

    async def test_a_failing_node_delays_and_decides_nothing(
        self, first: Served, solana: Rpc, quick_chain: Chain
    ) -> None:
        """Rounds that fail are followed by rounds that work."""
        first.faults.spoil(Kind.HTTP_500, "getSignatureStatuses", times=5)
        confirmations = Confirmations(rpc=solana, clock=solana.clock)
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        transaction = pay(buyer, seller.address, 7, blockhash_of(quick_chain))
        await solana.send(bytes(transaction), skip_preflight=True)
        word = await confirmations.wait(transaction.signatures[0], FAR, 60)
        assert isinstance(word, Status)

    async def test_closing_ends_every_wait(self, solana: Rpc) -> None:
        """Nobody is left waiting for a poller that is gone; a repeat does nothing."""
        confirmations = Confirmations(rpc=solana, clock=solana.clock)
        waiting = asyncio.create_task(confirmations.wait(_signature(), FAR, 900))
        await asyncio.sleep(0.01)
        await confirmations.aclose()
        assert await waiting == Silence(reason="closed")
        await confirmations.aclose()


class TestWhenItCounts:
    @pytest.mark.parametrize("level", [Level.PROCESSED, Level.CONFIRMED, Level.FINALIZED])
    async def test_a_status_counts_once_it_reaches_the_commitment(
        self, first: Served, quick: QuickClock, quick_chain: Chain, level: Level
    ) -> None:
        """And not before, whatever else the node shows."""
        quick_chain.confirm_delay_ms = 2_000
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        transaction = pay(buyer, seller.address, 7, blockhash_of(quick_chain))
        async with rpc_to([first.rpc_url], quick, level=level) as rpc:
            await rpc.send(bytes(transaction), skip_preflight=True)
            confirmations = Confirmations(rpc=rpc, clock=quick)
            word = await confirmations.wait(transaction.signatures[0], FAR, 60)
        assert isinstance(word, Status)
        assert word.level.reaches(level)

    async def test_waiting_ends_when_the_last_valid_block_is_well_past(
        self, quick: QuickClock
    ) -> None:
        """A node at that height which knows nothing of it ends the wait, not the payment."""
        height = 900
        async with scripted(_nothing(slot=1_000)) as node, rpc_to([node.url], quick) as rpc:
            confirmations = Confirmations(rpc=rpc, clock=quick)
            past = await confirmations.wait(_signature(), height - LANDING_MARGIN - 1, 60)
            near = await confirmations.wait(_signature(), height - LANDING_MARGIN, 2)
        assert past == Silence(reason="not seen by its last valid block")
        assert near == Silence(reason="not confirmed in time")

    async def test_a_clock_that_is_set_back_makes_no_wait_longer(self, quick: QuickClock) -> None:
        """What was waited for already counts."""
        async with scripted(_nothing()) as node, rpc_to([node.url], quick) as rpc:
            confirmations = Confirmations(rpc=rpc, clock=quick)
            waiting = asyncio.create_task(confirmations.wait(_signature(), FAR, 4))
            await quick.sleep(1)
            quick.forward(-3_600)
            async with asyncio.timeout(1):
                word = await waiting
        assert word == Silence(reason="not confirmed in time")

    async def test_a_node_that_lags_does_not_end_the_wait(self, quick: QuickClock) -> None:
        """Its null is judged by its own slot, not by the highest that anyone has seen."""
        async with scripted(_nothing(slot=1_000)) as node, rpc_to([node.url], quick) as rpc:
            await rpc.know_heights()
            rpc.seen.saw_slot(1_400)
            confirmations = Confirmations(rpc=rpc, clock=quick)
            word = await confirmations.wait(_signature(), 900, 2)
        assert word == Silence(reason="not confirmed in time")

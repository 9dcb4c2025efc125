"""How payments stand that were granted before they were final, as nodes tell it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from solders.transaction import VersionedTransaction

from support.chain import Wallet, blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.scripted_node import ScriptedNode, scripted
from support.solana import CHAIN, NOBODY, rpc_to, signed_for
from tillway.adapters.x402.finality import Finality
from tillway.adapters.x402.rpc import MOST_SIGNATURES, Rpc
from tillway.core.codes import Code
from tillway.core.payments import Failed, Missing, Outcome, PaymentKey, Settled, Unresolved
from tillway.core.ports.rails import Signed
from tillway.entrypoints.sandbox.chain import Chain, Served

BEYOND = 190 * 0.4
ROOTED = 32 * 0.4 + 1


def finality(rpc: Rpc) -> Finality:
    return Finality(rpc, lambda _: False)


@pytest.fixture
def transaction(quick_chain: Chain) -> VersionedTransaction:
    buyer, seller = funded(quick_chain, 1_000), funded(quick_chain)
    return pay(buyer, seller.address, 100, blockhash_of(quick_chain))


class TestOnAChain:
    async def test_it_is_confirmed_and_then_final(
        self, solana: Rpc, transaction: VersionedTransaction, quick: QuickClock
    ) -> None:
        """It stands at both looks."""
        signed = await signed_for(solana, transaction)
        await solana.send(bytes(transaction), skip_preflight=True)
        await quick.sleep(2)
        (early,) = await finality(solana).standing([signed])
        quick.forward(ROOTED)
        (late,) = await finality(solana).standing([signed])
        assert isinstance(early, Settled)
        assert isinstance(late, Settled)
        assert (early.final, late.final) == (False, True)
        assert early.slot == late.slot

    async def test_what_a_fork_left_behind_is_missing_until_it_is_gone(
        self, solana: Rpc, transaction: VersionedTransaction, quick: QuickClock, quick_chain: Chain
    ) -> None:
        """While its blockhash lives it may land again; afterwards heights prove that it cannot."""
        signed = await signed_for(solana, transaction)
        await solana.send(bytes(transaction), skip_preflight=True)
        assert quick_chain.fork(signed.signature)
        (early,) = await finality(solana).standing([signed])
        quick.forward(BEYOND)
        (late,) = await finality(solana).standing([signed])
        assert early == Missing()
        assert isinstance(late, Failed)
        assert late.code == Code.TRANSACTION_EXPIRED

    async def test_one_node_that_still_has_it_is_enough(
        self,
        solana_of_two: Rpc,
        first: Served,
        transaction: VersionedTransaction,
        quick: QuickClock,
    ) -> None:
        """The other stands still since before, and has forgotten nothing that it knew."""
        signed = await signed_for(solana_of_two, transaction)
        first.faults.frozen_at = quick()
        await quick.sleep(1)
        await solana_of_two.send(bytes(transaction), skip_preflight=True)
        quick.forward(BEYOND)
        (stands,) = await finality(solana_of_two).standing([signed])
        assert isinstance(stands, Settled)
        assert stands.final

    async def test_without_history_nothing_is_gone(
        self, solana: Rpc, first: Served, transaction: VersionedTransaction, quick: QuickClock
    ) -> None:
        """A node whose memory begins after the claim has nothing to say about it."""
        signed = await signed_for(solana, transaction)
        quick.forward(BEYOND)
        first.faults.first_available_slot = signed.seen_slot + 1_000
        assert await finality(solana).standing([signed]) == [Missing()]

    async def test_nobody_there(self, transaction: VersionedTransaction, solana: Rpc) -> None:
        """All are unresolved, and nothing is raised."""
        signed = await signed_for(solana, transaction)
        async with rpc_to([NOBODY], QuickClock()) as rpc:
            stands = await finality(rpc).standing([signed, signed])
        assert stands == [Unresolved(reason="no node answered")] * 2


def claims(count: int) -> Sequence[Signed]:
    made = []
    for number in range(count):
        transaction = pay(Wallet(), Wallet().address, 1, _HASH)
        made.append(
            Signed(
                chain=CHAIN,
                key=PaymentKey(f"{number:064x}"),
                payload=bytes(transaction),
                signature=str(transaction.signatures[0]),
                last_valid_height=10_100,
                seen_height=10_000,
                seen_slot=20_000,
            )
        )
    return made


_HASH = blockhash_of(Chain(clock=QuickClock()))


def node(*known: str, level: str = "finalized", err: object = None) -> Any:
    """Answer that these signatures have run, and no others."""
    status = {"slot": 20_000, "err": err, "confirmationStatus": level, "confirmations": None}

    def answer(method: str, params: list[Any]) -> Any:
        match method:
            case "getFirstAvailableBlock":
                return 0
            case "getEpochInfo":
                return {"absoluteSlot": 20_100, "blockHeight": 10_050}
        value = [status if one in known else None for one in params[0]]
        return {"context": {"slot": 20_100}, "value": value}

    return answer


@asynccontextmanager
async def nodes(*answers: Any) -> AsyncIterator[tuple[Rpc, list[ScriptedNode]]]:
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(scripted(one)) for one in answers]
        rpc = await stack.enter_async_context(rpc_to([n.url for n in made], QuickClock()))
        yield rpc, made


async def stand(signed: Sequence[Signed], *answers: Any) -> Sequence[Outcome | Missing]:
    async with nodes(*answers) as (rpc, _):
        return await finality(rpc).standing(signed)


class TestMany:
    async def test_they_are_asked_for_together(self) -> None:
        """256 to a request, with history, and each has its own answer."""
        signed = claims(MOST_SIGNATURES + 2)
        known = [each.signature for each in signed]
        async with nodes(node(*known)) as (rpc, (one,)):
            stands = await finality(rpc).standing(signed)
        assert [each.signature for each in stands if isinstance(each, Settled)] == known
        assert [len(params[0]) for _, params in one.asked] == [MOST_SIGNATURES, 2]
        assert {params[1]["searchTransactionHistory"] for _, params in one.asked} == {True}

    async def test_what_nodes_know_is_put_together(self) -> None:
        """One has the first, the other the second, nobody the third."""
        signed = claims(3)
        one, other = (node(each.signature) for each in signed[:2])
        stands = await stand(signed, one, other)
        assert [type(each) for each in stands] == [Settled, Settled, Missing]

    async def test_contradictions_decide_nothing(self) -> None:
        """One says that it ran, the other that it failed."""
        signed = claims(1)
        name = signed[0].signature
        stands = await stand(signed, node(name), node(name, err="AccountInUse"))
        assert stands == [Unresolved(reason="nodes disagree")]

    @pytest.mark.parametrize(("level", "kind"), [("confirmed", Unresolved), ("finalized", Failed)])
    async def test_only_a_finalized_error_is_the_end(self, level: str, kind: type[Outcome]) -> None:
        """On the fork that won the money went elsewhere first."""
        signed = claims(1)
        err = {"InstructionError": [2, {"Custom": 1}]}
        (stands,) = await stand(signed, node(signed[0].signature, err=err, level=level))
        assert isinstance(stands, kind)

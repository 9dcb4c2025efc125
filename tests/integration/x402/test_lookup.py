from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from solders.hash import Hash
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from support.chain import Wallet, blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.scripted_node import ScriptedNode, scripted
from support.solana import CHAIN, NOBODY, rpc_to, sender_over, signed_for
from tillway.adapters.x402.lookup import HISTORY_MARGIN, look_up
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.settle import Sender
from tillway.core.codes import Code
from tillway.core.payments import Failed, Outcome, PaymentKey, Settled, Unresolved
from tillway.core.ports.rails import Signed
from tillway.entrypoints.sandbox.chain import Chain, Kind, Served

BEYOND = 190 * 0.4
"""Seconds after which the last possible block of a fresh claim is finalized."""

EXPIRED = Failed(
    code=Code.TRANSACTION_EXPIRED, reason="not in any block up to height 10150", landed=False
)
ABSENT = Unresolved(reason="no node can prove its absence yet")


@pytest.fixture
def transaction(quick_chain: Chain) -> VersionedTransaction:
    buyer, seller = funded(quick_chain, 1_000), funded(quick_chain)
    return pay(buyer, seller.address, 100, blockhash_of(quick_chain))


class TestOnAChain:
    async def test_what_was_never_seen_fails_once_it_cannot_land(
        self, sender: Sender, transaction: VersionedTransaction, quick: QuickClock
    ) -> None:
        """Before, it may still land; the proof costs no request then."""
        signed = await signed_for(sender.rpc, transaction)
        assert await sender.look(signed) == Unresolved(reason="may still land")
        quick.forward(BEYOND)
        outcome = await sender.look(signed)
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.landed) == (Code.TRANSACTION_EXPIRED, False)

    async def test_what_landed_is_found_long_after(
        self, sender: Sender, transaction: VersionedTransaction, quick: QuickClock
    ) -> None:
        """History is searched, so a status that has left the cache is found all the same."""
        signed = await signed_for(sender.rpc, transaction)
        await sender.rpc.send(bytes(transaction), skip_preflight=True)
        quick.forward(BEYOND)
        assert isinstance(await sender.look(signed), Settled)

    async def test_a_node_without_the_history_proves_nothing(
        self, first: Served, sender: Sender, transaction: VersionedTransaction, quick: QuickClock
    ) -> None:
        """Its null may only mean that it has forgotten."""
        signed = await signed_for(sender.rpc, transaction)
        await sender.rpc.send(bytes(transaction), skip_preflight=True)
        quick.forward(BEYOND)
        first.faults.first_available_slot = signed.seen_slot + 1_000
        assert await sender.look(signed) == ABSENT

    async def test_a_node_that_lags_proves_nothing(
        self,
        first: Served,
        second: Served,
        sender_of_two: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
    ) -> None:
        """One node is at the height, the other has no status: that is no proof."""
        sender = sender_of_two
        signed = await signed_for(sender.rpc, transaction)
        quick.forward(BEYOND)
        await sender.rpc.slot()
        first.faults.behind_slots = 100
        second.faults.first_available_slot = signed.seen_slot + 1_000
        assert await sender.look(signed) == ABSENT

    async def test_a_stale_node_beside_a_good_one_is_outvoted(
        self,
        first: Served,
        sender_of_two: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
    ) -> None:
        """One that has stood still since before the payment has no say."""
        sender = sender_of_two
        signed = await signed_for(sender.rpc, transaction)
        first.faults.frozen_at = quick()
        await quick.sleep(1)
        await sender.rpc.send(bytes(transaction), skip_preflight=True)
        quick.forward(BEYOND)
        assert isinstance(await sender.look(signed), Settled)

    @pytest.mark.parametrize("kind", [Kind.HTTP_500, Kind.HTTP_429, Kind.TRUNCATED, Kind.RESET])
    @pytest.mark.parametrize(
        "method", ["getSignatureStatuses", "getFirstAvailableBlock", "getEpochInfo"]
    )
    async def test_a_fault_at_any_step_leaves_it_unresolved(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
        kind: Kind,
        method: str,
    ) -> None:
        """Half a proof is none."""
        signed = await signed_for(sender.rpc, transaction)
        quick.forward(BEYOND)
        first.faults.spoil(kind, method)
        assert isinstance(await sender.look(signed), Unresolved)

    async def test_without_any_node_it_is_unresolved(
        self, solana: Rpc, transaction: VersionedTransaction, quick: QuickClock
    ) -> None:
        """Looking never raises."""
        signed = await signed_for(solana, transaction)
        async with rpc_to([NOBODY], quick) as rpc, sender_over(rpc) as sender:
            assert await sender.look(signed) == Unresolved(reason="no node answered")


def _status(err: object = None, level: str = "finalized", slot: int = 20_000) -> dict[str, Any]:
    return {"slot": slot, "err": err, "confirmationStatus": level, "confirmations": None}


def _claim() -> Signed:
    transaction = pay(Wallet(), Wallet().address, 1, Hash.default())
    return Signed(
        chain=CHAIN,
        key=PaymentKey("0" * 64),
        payload=bytes(transaction),
        signature=str(transaction.signatures[0]),
        last_valid_height=10_100,
        seen_height=10_000,
        seen_slot=20_000,
    )


def _node(
    *statuses: object, first: int = 0, height: int = 10_151, tip: int = 20_400, slot: int = 20_400
) -> Any:
    left = list(statuses)

    def answer(method: str, params: list[Any]) -> Any:
        match method:
            case "getFirstAvailableBlock":
                return first
            case "getEpochInfo":
                return {"absoluteSlot": tip, "blockHeight": height}
        status = left.pop(0) if len(left) > 1 else left[0]
        return {"context": {"slot": slot}, "value": [status]}

    return answer


@asynccontextmanager
async def _nodes(*answers: Any) -> AsyncIterator[tuple[Rpc, list[ScriptedNode]]]:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(scripted(one)) for one in answers]
        rpc = await stack.enter_async_context(rpc_to([n.url for n in nodes], QuickClock()))
        yield rpc, nodes


async def _looked(*answers: Any) -> Outcome:
    async with _nodes(*answers) as (rpc, _):
        return await look_up(rpc, _claim(), sponsored=False)


class TestTheProof:
    async def test_is_history_then_height_then_absence_on_one_node(self) -> None:
        """In this order, all of one node; the absence is asked for with history."""
        async with _nodes(_node(None)) as (rpc, (node,)):
            assert await look_up(rpc, _claim(), sponsored=False) == EXPIRED
        proof = node.asked[1:]
        assert [method for method, _ in proof] == [
            "getFirstAvailableBlock",
            "getEpochInfo",
            "getSignatureStatuses",
        ]
        assert proof[1][1] == [{"commitment": "finalized"}]
        assert proof[2][1][1] == {"searchTransactionHistory": True}

    @pytest.mark.parametrize(
        ("change", "outcome"),
        [
            ({"first": 20_000 - HISTORY_MARGIN}, EXPIRED),
            ({"first": 20_000 - HISTORY_MARGIN + 1}, ABSENT),
            ({"height": 10_151}, EXPIRED),
            ({"height": 10_150}, ABSENT),
            ({"slot": 20_400}, EXPIRED),
            ({"slot": 20_399}, ABSENT),
        ],
    )
    async def test_holds_to_the_slot_and_to_the_block(
        self, change: dict[str, int], outcome: Outcome
    ) -> None:
        """One less, and it is none: history, height, and how far the denying machine has come."""
        assert await _looked(_node(None, **change)) == outcome

    async def test_is_not_put_together_from_two_nodes(self) -> None:
        """One has the history, the other the height."""
        behind, forgetful = _node(None, height=10_000), _node(None, first=20_001)
        assert await _looked(behind, forgetful) == ABSENT

    async def test_any_one_node_is_enough(self) -> None:
        """The first cannot prove it, the second can."""
        assert await _looked(_node(None, first=20_001), _node(None)) == EXPIRED

    async def test_a_status_that_appears_meanwhile_wins(self) -> None:
        """The last question of the proof found it after all."""
        outcome = await _looked(_node(None, _status()))
        assert isinstance(outcome, Settled)

    async def test_a_status_on_another_node_wins(self) -> None:
        """A node that could prove the absence stands against one that has seen it land."""
        assert isinstance(await _looked(_node(None), _node(_status())), Settled)

    async def test_a_later_last_block_than_expected_is_honoured(self) -> None:
        """A claim that names a later last valid height needs a later proof."""
        claim = _claim()
        later = Signed(
            chain=claim.chain,
            key=claim.key,
            payload=claim.payload,
            signature=claim.signature,
            last_valid_height=10_500,
            seen_height=claim.seen_height,
            seen_slot=claim.seen_slot,
        )
        async with _nodes(_node(None, height=10_500)) as (rpc, _):
            assert await look_up(rpc, later, sponsored=False) == ABSENT


class TestStatuses:
    @pytest.mark.parametrize(
        ("level", "expected"),
        [("processed", Unresolved), ("confirmed", Settled), ("finalized", Settled)],
    )
    async def test_success_counts_from_the_commitment_on(
        self, level: str, expected: type[Outcome]
    ) -> None:
        """Processed is not enough where confirmed is asked for."""
        assert isinstance(await _looked(_node(_status(level=level))), expected)

    @pytest.mark.parametrize(("level", "told"), [("processed", False), ("confirmed", True)])
    async def test_an_error_that_is_not_finalized_fails_nothing(
        self, level: str, told: bool
    ) -> None:
        """From confirmed on, the buyer may hear of it."""
        outcome = await _looked(_node(_status(err="AccountInUse", level=level)))
        assert isinstance(outcome, Unresolved)
        assert (outcome.refusal is not None) is told

    async def test_a_finalized_error_fails(self) -> None:
        """And it landed: its fee is paid."""
        outcome = await _looked(_node(_status(err={"InstructionError": [2, {"Custom": 1}]})))
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.landed) == (Code.INSUFFICIENT_FUNDS_TOKEN, True)

    @pytest.mark.parametrize("level", ["confirmed", "finalized"])
    async def test_nodes_that_contradict_each_other_decide_nothing(self, level: str) -> None:
        """One says that it succeeded, the other that it failed."""
        outcome = await _looked(_node(_status(level=level)), _node(_status(err="AccountInUse")))
        assert outcome == Unresolved(reason="nodes disagree")

    async def test_the_firmest_word_counts(self) -> None:
        """A node that is behind may hold a fork that died."""
        dead_fork = _node(_status(err="AccountInUse", level="processed"))
        assert isinstance(await _looked(dead_fork, _node(_status())), Settled)


class TestSignatures:
    async def test_the_signature_asked_for_is_the_one_of_the_claim(self) -> None:
        """Every question names it."""
        async with _nodes(_node(None)) as (rpc, (node,)):
            claim = _claim()
            await look_up(rpc, claim, sponsored=False)
        asked = [params[0] for method, params in node.asked if method == "getSignatureStatuses"]
        assert asked == [[claim.signature]] * 2
        assert Signature.from_string(claim.signature)

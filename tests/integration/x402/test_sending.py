import asyncio
from itertools import pairwise

import pytest
from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from support.chain import Wallet, blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.solana import NOBODY, Wire, rpc_to, sender_over, signed_for
from tillway.adapters.x402.answers import Level
from tillway.adapters.x402.queue import Queue
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.settle import Sender
from tillway.adapters.x402.wallets import Wallets
from tillway.core.codes import Code
from tillway.core.errors import Unavailable
from tillway.core.payments import Failed, Settled, Unresolved
from tillway.core.ports.rails import Signed
from tillway.entrypoints.sandbox.chain import Chain, Kind, Served

SEND = "sendTransaction"


@pytest.fixture
def buyer(quick_chain: Chain) -> Wallet:
    return funded(quick_chain, 1_000)


@pytest.fixture
def seller(quick_chain: Chain) -> Wallet:
    return funded(quick_chain)


@pytest.fixture
def transaction(quick_chain: Chain, buyer: Wallet, seller: Wallet) -> VersionedTransaction:
    return pay(buyer, seller.address, 100, blockhash_of(quick_chain))


class TestSettling:
    async def test_one_send_settles_a_payment(
        self,
        sender: Sender,
        transaction: VersionedTransaction,
        quick_chain: Chain,
        seller: Wallet,
        wire: Wire,
    ) -> None:
        """The signature and the slot are the chain's; the bytes went out once."""
        signed = await signed_for(sender.rpc, transaction)
        outcome = await sender.send(signed)
        landed = quick_chain.landings.get(signed.signature)
        assert landed is not None
        assert outcome == Settled(signature=signed.signature, slot=landed.slot, final=False)
        assert (wire.count(SEND), seller.balance(quick_chain)) == (1, 100)

    async def test_a_repeat_never_moves_money_again(
        self,
        sender: Sender,
        transaction: VersionedTransaction,
        quick_chain: Chain,
        seller: Wallet,
    ) -> None:
        """Ten senders of the same bytes, one after the other and at once, pay once."""
        signed = await signed_for(sender.rpc, transaction)
        outcomes = [await sender.send(signed), await sender.send(signed)]
        outcomes += await asyncio.gather(*(sender.send(signed) for _ in range(8)))
        assert {type(outcome) for outcome in outcomes} == {Settled}
        assert seller.balance(quick_chain) == 100

    async def test_bytes_that_were_dropped_are_sent_again_unchanged(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick_chain: Chain,
        wire: Wire,
    ) -> None:
        """Every two seconds, until one lands."""
        first.faults.drop_next = 3
        outcome = await sender.send(await signed_for(sender.rpc, transaction))
        assert isinstance(outcome, Settled)
        assert wire.count(SEND) >= 4
        assert quick_chain.landings.total == 1

    @pytest.mark.parametrize(
        "kind", [Kind.HTTP_500, Kind.HTTP_429, Kind.TRUNCATED, Kind.RESET, Kind.ERROR]
    )
    @pytest.mark.parametrize("effective", [True, False])
    async def test_a_lost_answer_to_a_send_loses_no_payment(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick_chain: Chain,
        seller: Wallet,
        kind: Kind,
        effective: bool,
    ) -> None:
        """Whether the node took the bytes or not, the payment settles once."""
        first.faults.spoil(kind, SEND, times=2, effective=effective)
        outcome = await sender.send(await signed_for(sender.rpc, transaction))
        assert isinstance(outcome, Settled)
        assert seller.balance(quick_chain) == 100

    async def test_a_node_that_takes_the_bytes_and_never_answers_again(
        self, first: Served, second: Served, quick: QuickClock, transaction: VersionedTransaction
    ) -> None:
        """The send hangs on the first node; the second one tells of the landing."""
        first.faults.spoil(Kind.HANG, SEND, effective=True)
        urls = [first.rpc_url, second.rpc_url]
        async with rpc_to(urls, quick, timeout=0.1) as rpc, sender_over(rpc) as sender:
            outcome = await sender.send(await signed_for(rpc, transaction))
        assert isinstance(outcome, Settled)

    async def test_finalized_is_waited_for_where_it_is_configured(
        self, first: Served, quick: QuickClock, quick_chain: Chain, buyer: Wallet, seller: Wallet
    ) -> None:
        """A confirmed status is not enough then."""
        transaction = pay(buyer, seller.address, 100, blockhash_of(quick_chain))
        async with (
            rpc_to([first.rpc_url], quick, level=Level.FINALIZED) as rpc,
            sender_over(rpc, skip_preflight=True) as sender,
        ):
            began = quick()
            assert isinstance(await sender.send(await signed_for(rpc, transaction)), Settled)
        assert quick() - began >= 31 * 0.4


class TestFailing:
    @pytest.fixture
    def overdrawn(self, quick_chain: Chain, buyer: Wallet, seller: Wallet) -> VersionedTransaction:
        """Ask for more than the buyer has; only execution can tell."""
        return pay(buyer, seller.address, 5_000, blockhash_of(quick_chain))

    async def test_a_confirmed_error_may_be_told_and_proves_nothing(
        self, solana: Rpc, overdrawn: VersionedTransaction
    ) -> None:
        """The buyer is refused; the payment stays open until the error is finalized."""
        async with sender_over(solana, skip_preflight=True) as sender:
            outcome = await sender.send(await signed_for(solana, overdrawn))
        assert isinstance(outcome, Unresolved)
        assert outcome.reason.startswith("landed_failed")
        assert outcome.refusal is not None
        assert outcome.refusal.code is Code.INSUFFICIENT_FUNDS_TOKEN
        assert outcome.refusal.landed

    async def test_a_finalized_error_is_the_proof(
        self, solana: Rpc, quick: QuickClock, overdrawn: VersionedTransaction
    ) -> None:
        """Looked up 32 slots later, the same payment has failed, at its fee payer's cost."""
        async with sender_over(solana, skip_preflight=True) as sender:
            signed = await signed_for(solana, overdrawn)
            await sender.send(signed)
            assert isinstance(await sender.look(signed), Unresolved)
            quick.forward(34 * 0.4)
            outcome = await sender.look(signed)
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.landed) == (Code.INSUFFICIENT_FUNDS_TOKEN, True)

    async def test_a_preflight_error_is_told_and_proves_nothing(
        self, sender: Sender, overdrawn: VersionedTransaction, quick_chain: Chain
    ) -> None:
        """The node did not pass the bytes on, but others may have them."""
        outcome = await sender.send(await signed_for(sender.rpc, overdrawn))
        assert isinstance(outcome, Unresolved)
        assert outcome.refusal is not None
        assert outcome.refusal.code is Code.INSUFFICIENT_FUNDS_TOKEN
        assert not outcome.refusal.landed
        assert quick_chain.landings.total == 0

    async def test_a_preflight_error_after_bytes_may_have_gone_out_refuses_nobody(
        self,
        first: Served,
        sender: Sender,
        overdrawn: VersionedTransaction,
    ) -> None:
        """What was sent before may land yet: only the chain can tell."""
        first.faults.spoil(Kind.RESET, SEND, times=1)
        sender.patience = 8
        outcome = await sender.send(await signed_for(sender.rpc, overdrawn))
        assert isinstance(outcome, Unresolved)
        assert not outcome.reason.startswith("refused")

    @pytest.mark.parametrize("kind", [Kind.HTTP_500, Kind.TRUNCATED, Kind.RESET, Kind.HANG])
    async def test_a_refusal_by_a_second_node_refuses_nobody_whose_bytes_a_first_one_may_have(
        self,
        first: Served,
        second: Served,
        quick: QuickClock,
        transaction: VersionedTransaction,
        quick_chain: Chain,
        kind: Kind,
    ) -> None:
        """The first took them and its answer was lost; the second lags and says no."""
        first.faults.spoil(kind, SEND, times=1, effective=True)
        second.faults.spoil(Kind.ERROR, SEND, code=-32002, message="custom program error: 0x1")
        urls = [first.rpc_url, second.rpc_url]
        async with rpc_to(urls, quick, timeout=0.2) as rpc, sender_over(rpc) as sender:
            outcome = await sender.send(await signed_for(rpc, transaction))
        assert isinstance(outcome, Settled)
        assert quick_chain.landings.total == 1

    async def test_a_refusal_after_a_node_that_was_never_reached_is_told(
        self, second: Served, quick: QuickClock, overdrawn: VersionedTransaction
    ) -> None:
        """Then nobody can have the bytes."""
        async with rpc_to([NOBODY, second.rpc_url], quick) as rpc, sender_over(rpc) as sender:
            outcome = await sender.send(await signed_for(rpc, overdrawn))
        assert isinstance(outcome, Unresolved)
        assert outcome.refusal is not None

    async def test_already_processed_is_no_error(
        self, sender: Sender, transaction: VersionedTransaction, solana: Rpc
    ) -> None:
        """Somebody sent the same bytes before: the payment settles."""
        await solana.send(bytes(transaction), skip_preflight=False)
        outcome = await sender.send(await signed_for(solana, transaction))
        assert isinstance(outcome, Settled)

    async def test_a_node_that_does_not_know_the_blockhash_yet_refuses_nobody(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
    ) -> None:
        """It lags; the bytes go out again without asking its opinion."""
        signed = await signed_for(sender.rpc, transaction)
        first.faults.behind_slots = 40
        sending = asyncio.create_task(sender.send(signed))
        await quick.sleep(3)
        first.faults.clear()
        assert isinstance(await sending, Settled)

    async def test_our_own_empty_wallet_is_our_fault_and_is_looked_at(
        self, sender: Sender, quick_chain: Chain, buyer: Wallet, seller: Wallet
    ) -> None:
        """The buyer is not told to add SOL; the wallet is chosen no more."""
        sponsor = funded(quick_chain, sol=1)
        wallets = Wallets(rpc=sender.rpc, clock=sender.clock, keys=[sponsor.keypair])
        await wallets.check()
        sender.sponsors = wallets
        _empty(quick_chain, sponsor)
        sponsored = pay(
            buyer, seller.address, 5, blockhash_of(quick_chain), fee_payer=sponsor.keypair
        )
        outcome = await sender.send(await signed_for(sender.rpc, sponsored))
        assert isinstance(outcome, Unresolved)
        assert outcome.refusal is not None
        assert outcome.refusal.code is Code.INTERNAL_ERROR
        await asyncio.sleep(0.05)
        assert wallets.next() is None


def _empty(chain: Chain, wallet: Wallet) -> None:
    chain.put(wallet.address, Account(1, b"", Pubkey.default()))


class TestNotKnowing:
    async def test_unavailable_means_that_nothing_can_have_been_sent(
        self, quick: QuickClock, solana: Rpc, transaction: VersionedTransaction
    ) -> None:
        """Only if no node was ever reached."""
        signed = await signed_for(solana, transaction)
        async with rpc_to([NOBODY, NOBODY], quick) as rpc, sender_over(rpc) as sender:
            with pytest.raises(Unavailable):
                await sender.send(signed)

    @pytest.mark.parametrize("kind", [Kind.HTTP_500, Kind.HTTP_429, Kind.TRUNCATED, Kind.RESET])
    async def test_a_chain_that_is_away_leaves_it_unresolved(
        self, first: Served, sender: Sender, transaction: VersionedTransaction, kind: Kind
    ) -> None:
        """Once a node was reached, failing answers are neither success nor failure."""
        signed = await signed_for(sender.rpc, transaction)
        first.faults.spoil(kind)
        sender.patience = 10
        outcome = await sender.send(signed)
        assert isinstance(outcome, Unresolved)
        assert outcome.refusal is None
        assert isinstance(await sender.look(signed), Unresolved)

    async def test_waiting_has_an_end(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
    ) -> None:
        """Bytes that every node swallows are unresolved after the patience is spent."""
        first.faults.drop_all = True
        sender.patience = 10
        began = quick()
        outcome = await sender.send(await signed_for(sender.rpc, transaction))
        assert outcome == Unresolved(reason="not confirmed in time")
        assert quick() - began < 40

    async def test_bytes_past_their_last_block_are_not_waited_for(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
    ) -> None:
        """The wait ends as soon as the chain is past them; nothing is proven by that."""
        first.faults.drop_all = True
        signed = await signed_for(sender.rpc, transaction)
        quick.forward(190 * 0.4)
        began = quick()
        outcome = await sender.send(signed)
        assert outcome == Unresolved(reason="not seen by its last valid block")
        assert quick() - began < 20

    async def test_a_cancelled_wait_leaves_nothing_running(
        self,
        first: Served,
        sender: Sender,
        transaction: VersionedTransaction,
        quick: QuickClock,
        wire: Wire,
    ) -> None:
        """No resending goes on behind the back of one who has left."""
        first.faults.drop_all = True
        sending = asyncio.create_task(sender.send(await signed_for(sender.rpc, transaction)))
        await quick.sleep(3)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await asyncio.sleep(0.03)
        before = len(wire.seen)
        await asyncio.sleep(0.1)
        assert len(wire.seen) == before


class TestManyAtOnce:
    async def test_are_sent_with_the_gap_and_all_settle(
        self, solana: Rpc, quick_chain: Chain, buyer: Wallet, seller: Wallet, wire: Wire
    ) -> None:
        """The queue paces sends; statuses are asked for together."""
        blockhash = blockhash_of(quick_chain)
        clock = QuickClock(speed=1.0)
        queue = Queue(clock=clock, min_gap=0.005, most_in_flight=5)
        signed: list[Signed] = [
            await signed_for(solana, pay(buyer, seller.address, 1, blockhash)) for _ in range(20)
        ]
        async with sender_over(solana, queue=queue) as sender:
            outcomes = await asyncio.gather(*(sender.send(one) for one in signed))
        assert {type(outcome) for outcome in outcomes} == {Settled}
        assert seller.balance(quick_chain) == 20
        times = sorted(landed.at for landed in quick_chain.landings.all())
        gaps = [(later - sooner) / 20 for sooner, later in pairwise(times)]
        assert min(gaps) > 0.001
        assert wire.count("simulateTransaction") == 0

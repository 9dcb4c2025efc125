import asyncio

import pytest
from solders.keypair import Keypair
from solders.signature import Signature

from support.chain import USDC, blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.scripted_node import scripted
from support.solana import Wire, rpc_to
from tillway.adapters.x402.answers import Level
from tillway.adapters.x402.errors import SendRefused
from tillway.adapters.x402.rpc import Rpc
from tillway.core.errors import Unavailable
from tillway.entrypoints.sandbox.chain import Chain, Kind, Served


class TestSimulation:
    async def test_shows_the_accounts_as_they_would_be(
        self, solana: Rpc, quick_chain: Chain
    ) -> None:
        """Post-state in the order asked, None for what does not exist; nothing moves."""
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        raw = bytes(pay(buyer, seller.address, 200, blockhash_of(quick_chain)))
        keys = [seller.account(), Keypair().pubkey(), buyer.account()]
        found = await solana.simulate(raw, keys)
        amounts = [one and int.from_bytes(one.data[64:72], "little") for one in found.accounts]
        assert (found.err, amounts) == (None, [200, None, 300])
        assert buyer.balance(quick_chain) == 500

    async def test_tells_the_error_as_the_node_tells_it(
        self, solana: Rpc, quick_chain: Chain
    ) -> None:
        """An overdraw is the token program's first error, and no account is shown."""
        buyer, seller = funded(quick_chain, 5), funded(quick_chain)
        raw = bytes(pay(buyer, seller.address, 200, blockhash_of(quick_chain)))
        found = await solana.simulate(raw, [seller.account()])
        assert found.err == {"InstructionError": [2, {"Custom": 1}]}
        assert found.accounts == (None,)
        assert any("insufficient funds" in line for line in found.logs)

    async def test_needs_no_signature(self, solana: Rpc, quick_chain: Chain) -> None:
        """A sponsored payment is simulated before our wallet has signed it."""
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        sponsor = funded(quick_chain)
        blockhash = blockhash_of(quick_chain)
        unsigned = pay(buyer, seller.address, 5, blockhash, fee_payer=sponsor.address)
        assert (await solana.simulate(bytes(unsigned))).err is None

    async def test_bytes_that_nodes_cannot_read_are_an_error_of_the_transaction(
        self, solana: Rpc
    ) -> None:
        """They are no fault of the node, so they are not Unavailable."""
        found = await solana.simulate(b"\x00" * 40)
        assert found.err == "SanitizeFailure"


class TestBlockhash:
    async def test_is_asked_for_at_most_once_a_second(
        self, solana: Rpc, quick: QuickClock, wire: Wire
    ) -> None:
        """Callers within a second share one answer, those at once one request."""
        answers = await asyncio.gather(*(solana.latest_blockhash() for _ in range(20)))
        assert len(set(answers)) == 1
        assert wire.count("getLatestBlockhash") == 1
        await quick.sleep(1.2)
        await solana.latest_blockhash()
        assert wire.count("getLatestBlockhash") == 2

    async def test_is_asked_for_again_when_the_clock_was_set_back(
        self, solana: Rpc, quick: QuickClock, wire: Wire
    ) -> None:
        """Else a dead one would be given out for as long."""
        await solana.latest_blockhash()
        quick.forward(-3_600)
        await solana.latest_blockhash()
        assert wire.count("getLatestBlockhash") == 2

    async def test_a_caller_that_leaves_takes_nothing_from_the_others(
        self, first: Served, solana: Rpc
    ) -> None:
        """The shared request goes on."""
        first.faults.latency_ms = {"getLatestBlockhash": 50}
        leaving = asyncio.create_task(solana.latest_blockhash())
        staying = asyncio.create_task(solana.latest_blockhash())
        await asyncio.sleep(0.01)
        leaving.cancel()
        assert (await staying).last_valid_height > 0


class TestHeights:
    async def test_the_bound_is_never_below_the_height_of_the_chain(
        self, solana: Rpc, quick: QuickClock
    ) -> None:
        """Each slot adds at most one block, so every slot seen raises the bound with it."""
        await solana.know_heights()
        for _ in range(5):
            await quick.sleep(2)
            height = await solana.block_height(Level.CONFIRMED)
            await solana.slot()
            assert solana.seen.height >= height

    async def test_are_known_by_one_request(self, solana: Rpc, wire: Wire) -> None:
        """Once known, heights follow the slots of other answers."""
        for _ in range(10):
            await solana.know_heights()
        assert [method for method, _, _ in wire.seen] == ["getLatestBlockhash"]


class TestLanded:
    async def test_tells_slot_time_and_error(self, solana: Rpc, quick_chain: Chain) -> None:
        """A transaction that has landed can be looked up; one that has not is None."""
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        transaction = pay(buyer, seller.address, 7, blockhash_of(quick_chain))
        signature = transaction.signatures[0]
        assert await solana.transaction(signature) is None
        await solana.send(bytes(transaction), skip_preflight=False)
        await asyncio.sleep(0.05)
        landed = await solana.transaction(signature)
        assert landed is not None
        assert (landed.err, landed.slot > 0, landed.block_time is not None) == (None, True, True)
        place = transaction.message.account_keys.index(buyer.account())
        assert landed.owners[place] == buyer.address


class TestPreflight:
    async def test_a_refusal_carries_the_error_of_the_transaction(
        self, solana: Rpc, quick_chain: Chain
    ) -> None:
        """It is structured, and the logs come with it."""
        buyer, seller = funded(quick_chain, 5), funded(quick_chain)
        raw = bytes(pay(buyer, seller.address, 200, blockhash_of(quick_chain)))
        with pytest.raises(SendRefused) as refused:
            await solana.send(raw, skip_preflight=False)
        assert refused.value.err == {"InstructionError": [2, {"Custom": 1}]}
        assert refused.value.logs


class TestAccounts:
    async def test_come_in_the_order_asked(self, solana: Rpc, quick_chain: Chain) -> None:
        """What does not exist is None, and a balance of nothing is 0."""
        wallet, stranger = funded(quick_chain, 9, sol=2), Keypair().pubkey()
        account, missing = await solana.accounts([wallet.account(), stranger])
        assert account is not None
        assert account.owner == USDC.program
        assert missing is None
        assert await solana.balance(wallet.address) == 2_000_000_000
        assert await solana.balance(stranger) == 0


class TestStatuses:
    @pytest.mark.parametrize(
        "status",
        [
            {"slot": 5, "confirmationStatus": "confirmed"},
            {"slot": 5, "err": None},
            {"err": None, "confirmationStatus": "confirmed"},
            {"slot": 5, "err": None, "confirmationStatus": "rooted"},
            {"slot": "5", "err": None, "confirmationStatus": "confirmed"},
            {"slot": 5, "err": None, "confirmationStatus": "finalized", "status": {"Err": "X"}},
            {"slot": 5, "err": "X", "confirmationStatus": "finalized", "status": {"Ok": None}},
            [],
            "confirmed",
        ],
    )
    async def test_one_that_is_not_whole_or_contradicts_itself_is_no_answer(
        self, status: object
    ) -> None:
        """A missing err is never taken for success."""
        answer = {"context": {"slot": 9}, "value": [status]}
        async with scripted(lambda *_: answer) as node, rpc_to([node.url], QuickClock()) as rpc:
            with pytest.raises(Exception, match="rpc_error") as failed:
                await rpc.statuses([Signature.default()], history=False)
        assert getattr(failed.value, "kind", None) == "misshapen"

    @pytest.mark.parametrize("count", [0, 1, 3])
    async def test_another_number_of_answers_than_questions_is_no_answer(self, count: int) -> None:
        """Order is all that ties answers to questions."""
        answer = {"context": {"slot": 9}, "value": [None] * count}
        async with scripted(lambda *_: answer) as node, rpc_to([node.url], QuickClock()) as rpc:
            with pytest.raises(Exception, match="rpc_error"):
                await rpc.statuses([Signature.default()] * 2, history=False)


class TestHasRun:
    async def test_a_node_that_is_ahead_is_heard(
        self,
        first: Served,
        second: Served,
        solana_of_two: Rpc,
        wire: Wire,
        quick_chain: Chain,
    ) -> None:
        """A block that is only processed counts; one node that shows it is enough."""
        quick_chain.confirm_delay_ms = 60_000
        buyer, seller = funded(quick_chain, 10), funded(quick_chain)
        transaction = pay(buyer, seller.address, 1, blockhash_of(quick_chain))
        assert not await solana_of_two.has_run(transaction.signatures[0])
        assert quick_chain.land(transaction) is not None
        first.faults.behind_slots = 50
        assert await solana_of_two.has_run(transaction.signatures[0])
        assert wire.count("getSignatureStatuses") == 4

    async def test_a_node_that_hangs_is_not_waited_for(
        self, first: Served, second: Served, solana_of_two: Rpc
    ) -> None:
        """A second after the others; then the others' word counts."""
        second.faults.spoil(Kind.HANG)
        async with asyncio.timeout(1.8):
            assert not await solana_of_two.has_run(Signature.default())

    async def test_no_answer_is_not_a_no(
        self, first: Served, second: Served, solana_of_two: Rpc
    ) -> None:
        """Then nothing is known."""
        first.faults.spoil(Kind.HTTP_500)
        assert not await solana_of_two.has_run(Signature.default())
        second.faults.spoil(Kind.RESET)
        with pytest.raises(Unavailable):
            await solana_of_two.has_run(Signature.default())

"""The sandbox's chain runs transactions as a cluster does."""

import base64

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import to_bytes_versioned
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    CreateAccountParams,
    InitializeNonceAccountParams,
    TransferParams,
    advance_nonce_account,
    create_account,
    initialize_nonce_account,
    transfer,
)
from solders.transaction import VersionedTransaction

from support.chain import (
    CONFIRMED,
    PYUSD,
    SOL,
    USDC,
    USDG,
    Caller,
    Hand,
    Wallet,
    blockhash_of,
    funded,
    memo,
    old_blockhash_of,
    pay,
    send_lamports,
    signed_by,
    text,
)
from support.ed25519 import sign_anew
from tillway.entrypoints.sandbox.chain import Chain, Stablecoin, fund, tokens
from tillway.entrypoints.sandbox.chain.nonces import SIZE, value_of
from tillway.entrypoints.sandbox.chain.programs import ASSOCIATED_TOKEN, SYSTEM, TOKEN


def twin(transaction: VersionedTransaction, signer: Keypair) -> VersionedTransaction:
    """Sign the same message once more, validly and differently."""
    message = transaction.message
    other = sign_anew(signer, to_bytes_versioned(message))
    return VersionedTransaction.populate(message, [other, *transaction.signatures[1:]])


def forged(transaction: VersionedTransaction) -> VersionedTransaction:
    """Replace the first signature by one of something else."""
    other = Keypair().sign_message(b"something else")
    return VersionedTransaction.populate(transaction.message, [other, *transaction.signatures[1:]])


def associated_account(payer: Wallet, owner: Wallet) -> Instruction:
    """Make the owner's USDC account, idempotently."""
    return Instruction(
        ASSOCIATED_TOKEN,
        b"\x01",
        [
            AccountMeta(payer.address, is_signer=True, is_writable=True),
            AccountMeta(owner.account(), is_signer=False, is_writable=True),
            AccountMeta(owner.address, is_signer=False, is_writable=False),
            AccountMeta(USDC.mint, is_signer=False, is_writable=False),
            AccountMeta(SYSTEM, is_signer=False, is_writable=False),
            AccountMeta(TOKEN, is_signer=False, is_writable=False),
        ],
    )


class TestPayments:
    @pytest.mark.parametrize("coin", [USDC, PYUSD, USDG], ids=["USDC", "PYUSD", "USDG"])
    @pytest.mark.parametrize("legacy", [False, True], ids=["v0", "legacy"])
    async def test_a_transfer_moves_exactly_its_amount(
        self, chain: Chain, rpc: Caller, coin: Stablecoin, legacy: bool
    ) -> None:
        """Both token programs and both message versions pay, and the sponsor pays the fee."""
        buyer = funded(chain, 5_000_000, 0, coin.mint)
        shop, sponsor = funded(chain, 0, 0, coin.mint), funded(chain, sol=1)
        payment = pay(
            buyer,
            shop.address,
            1_234_567,
            blockhash_of(chain),
            mint=coin.mint,
            fee_payer=sponsor.keypair,
            legacy=legacy,
        )
        assert await rpc.send(payment) == str(payment.signatures[0])
        assert shop.balance(chain, coin.mint) == 1_234_567
        assert buyer.balance(chain, coin.mint) == 5_000_000 - 1_234_567
        assert chain.lamports(sponsor.address) == SOL - 10_001

    async def test_the_priority_fee_is_what_was_asked_for(self, chain: Chain, rpc: Caller) -> None:
        """Units times price, rounded up to a lamport, is announced and charged."""
        buyer, shop = funded(chain, 10, 1), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain), units=30_000, price=70_001)
        message = base64.b64encode(bytes(payment)[65:]).decode()
        assert await rpc.value("getFeeForMessage", message, CONFIRMED) == 5_000 + 2_101
        await rpc.send(payment)
        assert chain.lamports(buyer.address) == SOL - 5_000 - 2_101

    async def test_who_cannot_pay_the_priority_fee_lands_nothing(
        self, chain: Chain, rpc: Caller
    ) -> None:
        """A payer with no more than the base fee is refused before anything is run."""
        buyer, shop = funded(chain, 10, 0.001), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain), price=10**9)
        error = await rpc.refusal(payment)
        assert (error["code"], error["data"]["err"]) == (-32002, "InsufficientFundsForFee")
        await rpc.send(payment, skipPreflight=True)
        assert chain.landings.total == 0

    async def test_programs_call_programs(self, chain: Chain, rpc: Caller, hand: Hand) -> None:
        """The associated token program makes an account, and its inner calls are recorded."""
        buyer, shop = funded(chain, 10, 1), Wallet()
        create = associated_account(buyer, shop)
        signature = await rpc.send(signed_by([buyer.keypair], [create], blockhash_of(chain)))
        hand.slots(1)
        inner = (await rpc.fetch(signature))["meta"]["innerInstructions"]
        assert [group["index"] for group in inner] == [0]
        assert len(inner[0]["instructions"]) == 4
        wanted = {"mint": str(USDC.mint)}
        shown = {"encoding": "base64"}
        held = await rpc.value("getTokenAccountsByOwner", str(shop.address), wanted, shown)
        assert [entry["pubkey"] for entry in held] == [str(shop.account())]

    async def test_the_official_budget_of_a_memo_holds(self, chain: Chain, rpc: Caller) -> None:
        """A transfer with a memo of 32 bytes fits the 20,000 units of the x402 clients."""
        buyer, shop = funded(chain, 10), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain), note="m" * 32)
        assert (await rpc.simulate(payment))["unitsConsumed"] < 20_000


class TestOnce:
    async def test_a_message_runs_once(self, chain: Chain, rpc: Caller, hand: Hand) -> None:
        """Sent twice, the second is refused in preflight and never lands without it."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        await rpc.send(payment)
        hand.slots(1)
        error = await rpc.refusal(payment)
        assert error["code"] == -32002
        assert error["message"].endswith("This transaction has already been processed")
        assert error["data"]["err"] == "AlreadyProcessed"
        await rpc.send(payment, skipPreflight=True)
        assert (shop.balance(chain), chain.landings.total) == (10, 1)

    async def test_a_message_runs_once_under_any_signatures(
        self, chain: Chain, rpc: Caller
    ) -> None:
        """The chain knows a message by its content, not by the signature it landed with."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        other = twin(payment, buyer.keypair)
        assert all(other.verify_with_results())
        assert other.signatures != payment.signatures
        await rpc.send(payment)
        await rpc.send(other, skipPreflight=True)
        err = (await rpc.simulate(other, commitment="processed"))["err"]
        assert err == "AlreadyProcessed"
        assert await rpc.status(str(other.signatures[0]), searchTransactionHistory=True) is None
        assert shop.balance(chain) == 10

    async def test_a_bank_knows_what_has_reached_its_commitment(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """What is only processed has a status, and runs in a confirmed bank as if for once."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        signature = await rpc.send(payment)
        status = await rpc.status(signature)
        assert status["confirmationStatus"] == "processed"
        assert (await rpc.simulate(payment))["err"] is None
        await rpc.send(payment)
        hand.slots(1)
        assert (await rpc.simulate(payment))["err"] == "AlreadyProcessed"
        assert (shop.balance(chain), chain.landings.total) == (10, 1)

    async def test_a_failure_counts_as_run(self, chain: Chain, rpc: Caller) -> None:
        """What landed and failed is not run again, even when it would now succeed."""
        buyer, shop = funded(chain, 5), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        await rpc.send(payment, skipPreflight=True)
        fund(chain, buyer.address, USDC.mint, 100)
        await rpc.send(payment, skipPreflight=True)
        assert (shop.balance(chain), chain.landings.total) == (0, 1)

    async def test_a_message_is_known_for_as_long_as_it_could_run(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """In the window a repeat is AlreadyProcessed, after it BlockhashNotFound."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        await rpc.send(payment)
        hand.slots(149)
        assert (await rpc.simulate(payment))["err"] == "AlreadyProcessed"
        hand.slots(3)
        assert (await rpc.simulate(payment))["err"] == "BlockhashNotFound"
        assert chain.land(payment) is None
        hand.slots(200)
        chain.tick()
        assert chain.ran.all() == {}


class TestBlockhashes:
    async def test_a_blockhash_lives_for_150_slots(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """It is taken up to the height that was announced with it, and not after."""
        latest = await rpc.value("getLatestBlockhash", CONFIRMED)
        buyer, shop = funded(chain, 100), funded(chain)
        early, late = (pay(buyer, shop.address, 1, blockhash_of(chain)) for _ in range(2))
        assert str(early.message.recent_blockhash) == latest["blockhash"]
        while await rpc.call("getBlockHeight", CONFIRMED) < latest["lastValidBlockHeight"]:
            hand.slots(1)
        assert (await rpc.simulate(early))["err"] is None
        assert await rpc.value("isBlockhashValid", latest["blockhash"], CONFIRMED) is True
        hand.slots(1)
        assert (await rpc.simulate(late))["err"] == "BlockhashNotFound"
        assert await rpc.value("isBlockhashValid", latest["blockhash"], CONFIRMED) is False
        await rpc.send(late, skipPreflight=True)
        assert chain.landings.total == 0

    async def test_a_commitment_knows_no_newer_blockhash(self, chain: Chain, rpc: Caller) -> None:
        """A blockhash fetched at confirmed is unknown at finalized, as on a real node."""
        buyer, shop = funded(chain, 100), funded(chain)
        fresh = pay(buyer, shop.address, 1, blockhash_of(chain))
        old = pay(buyer, shop.address, 1, old_blockhash_of(chain))
        assert (await rpc.simulate(fresh, commitment="finalized"))["err"] == "BlockhashNotFound"
        assert (await rpc.simulate(old, commitment="finalized"))["err"] is None
        error = await rpc.refusal(fresh, preflightCommitment="finalized")
        assert error["message"] == "Transaction simulation failed: Blockhash not found"

    async def test_an_invented_blockhash_is_refused(self, chain: Chain, rpc: Caller) -> None:
        """Only the chain makes blockhashes."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, type(blockhash_of(chain)).new_unique())
        assert (await rpc.refusal(payment))["data"]["err"] == "BlockhashNotFound"

    async def test_a_jump_of_the_clock_ends_every_blockhash(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """A month passes at once, and the chain goes on with fresh blockhashes."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        before = await rpc.call("getSlot")
        hand.forward(30 * 86_400)
        assert await rpc.call("getSlot") == before + 30 * 216_000
        assert (await rpc.simulate(payment))["err"] == "BlockhashNotFound"
        await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert shop.balance(chain) == 1

    async def test_a_clock_that_goes_back_stops_the_slots(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """Slots never go back."""
        hand.slots(100)
        before = await rpc.call("getSlot")
        hand.forward(-20)
        assert await rpc.call("getSlot") == before


class TestFailures:
    async def test_a_failure_in_preflight_lands_nothing(self, chain: Chain, rpc: Caller) -> None:
        """The error says which instruction failed, and how, and carries the logs."""
        buyer, shop = funded(chain, 5, 1), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        error = await rpc.refusal(payment)
        assert error["code"] == -32002
        assert error["message"] == (
            "Transaction simulation failed: "
            "Error processing Instruction 2: custom program error: 0x1"
        )
        assert error["data"]["err"] == {"InstructionError": [2, {"Custom": 1}]}
        assert any("insufficient funds" in line for line in error["data"]["logs"])
        assert chain.lamports(buyer.address) == SOL

    async def test_a_failure_that_landed_keeps_its_error_and_costs_its_fee(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """Without preflight it lands, and status and transaction tell of it."""
        buyer, shop = funded(chain, 5, 1), funded(chain)
        payment = pay(buyer, shop.address, 10, blockhash_of(chain))
        signature = await rpc.send(payment, skipPreflight=True)
        hand.slots(1)
        failure = {"InstructionError": [2, {"Custom": 1}]}
        status = await rpc.status(signature)
        assert (status["err"], status["status"]) == (failure, {"Err": failure})
        meta = (await rpc.fetch(signature))["meta"]
        assert (meta["err"], meta["fee"]) == (failure, 5_001)
        assert meta["preTokenBalances"] == meta["postTokenBalances"] != []
        assert chain.lamports(buyer.address) == SOL - 5_001
        assert (buyer.balance(chain), shop.balance(chain)) == (5, 0)

    async def test_a_bad_signature_never_lands(self, chain: Chain, rpc: Caller) -> None:
        """Preflight says so; without it the transaction is accepted and lost."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = forged(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert (await rpc.refusal(payment))["code"] == -32003
        signature = await rpc.send(payment, skipPreflight=True)
        assert await rpc.status(signature, searchTransactionHistory=True) is None
        assert chain.landings.total == 0

    async def test_a_missing_signature_never_lands(self, chain: Chain, rpc: Caller) -> None:
        """A sponsored payment without the sponsor's signature can be simulated only."""
        buyer, shop, sponsor = funded(chain, 100), funded(chain), funded(chain)
        half = pay(buyer, shop.address, 1, blockhash_of(chain), fee_payer=sponsor.address)
        assert (await rpc.refusal(half))["code"] == -32003
        assert (await rpc.simulate(half))["err"] is None
        answer = await rpc.error(
            "simulateTransaction", text(half), {"encoding": "base64", "sigVerify": True}
        )
        assert answer["code"] == -32003

    async def test_a_payer_without_lamports_is_not_found(self, chain: Chain, rpc: Caller) -> None:
        """An account that never had any cannot pay a fee."""
        stranger, shop = Wallet(), funded(chain)
        payment = pay(stranger, shop.address, 1, blockhash_of(chain))
        error = await rpc.refusal(payment)
        assert error["data"]["err"] == "AccountNotFound"
        assert "no record of a prior credit" in error["message"]

    async def test_a_frozen_account_cannot_pay(self, chain: Chain, rpc: Caller) -> None:
        """The mint's freeze authority, the faucet, stops an account."""
        buyer, shop = funded(chain, 100), funded(chain)
        freeze = Instruction(
            TOKEN,
            b"\x0a",
            [
                AccountMeta(buyer.account(), is_signer=False, is_writable=True),
                AccountMeta(USDC.mint, is_signer=False, is_writable=False),
                AccountMeta(chain.faucet.pubkey(), is_signer=True, is_writable=False),
            ],
        )
        await rpc.send(signed_by([chain.faucet], [freeze], blockhash_of(chain)))
        error = await rpc.refusal(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert error["data"]["err"] == {"InstructionError": [2, {"Custom": 17}]}
        shown = await rpc.value("getAccountInfo", str(buyer.account()), {"encoding": "jsonParsed"})
        assert shown["data"]["parsed"]["info"]["state"] == "frozen"


class TestSimulation:
    async def test_it_changes_nothing(self, chain: Chain, rpc: Caller) -> None:
        """Simulated a hundred times, a payment has not happened once."""
        buyer, shop = funded(chain, 100, 1), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        for _ in range(100):
            assert (await rpc.simulate(payment, sigVerify=True))["err"] is None
        assert (buyer.balance(chain), chain.lamports(buyer.address)) == (100, SOL)

    async def test_it_shows_accounts_as_they_would_be(self, chain: Chain, rpc: Caller) -> None:
        """The accounts asked for come back as the run leaves them, others as they are."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 30, blockhash_of(chain))
        wanted = [str(shop.account()), str(USDC.mint), str(Wallet().address)]
        accounts = {"encoding": "jsonParsed", "addresses": wanted}
        after, mint, nobody = (await rpc.simulate(payment, accounts=accounts))["accounts"]
        assert after["data"]["parsed"]["info"]["tokenAmount"]["amount"] == "30"
        assert mint["data"]["parsed"]["type"] == "mint"
        assert nobody is None

    async def test_it_can_bring_a_fresh_blockhash(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """With replaceRecentBlockhash a dead transaction is tried as if it were new."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain), legacy=True)
        hand.slots(500)
        value = await rpc.simulate(payment, replaceRecentBlockhash=True)
        latest = await rpc.value("getLatestBlockhash", CONFIRMED)
        assert (value["err"], value["replacementBlockhash"]) == (None, latest)
        clash = {"encoding": "base64", "sigVerify": True, "replaceRecentBlockhash": True}
        assert (await rpc.error("simulateTransaction", text(payment), clash))["code"] == -32602

    async def test_inner_instructions_come_when_asked_for(self, chain: Chain, rpc: Caller) -> None:
        """They are null otherwise."""
        buyer = funded(chain)
        create = associated_account(buyer, Wallet())
        made = signed_by([buyer.keypair], [create], blockhash_of(chain))
        assert (await rpc.simulate(made))["innerInstructions"] is None
        value = await rpc.simulate(made, innerInstructions=True)
        assert value["innerInstructions"][0]["instructions"]


class TestCommitment:
    async def test_a_landing_is_believed_step_by_step(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """Processed at once, confirmed after the delay, finalized 32 slots later."""
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        steps = []
        for slots in (0, 1, 30, 1):
            hand.slots(slots)
            status = await rpc.status(signature)
            steps.append((status["confirmationStatus"], status["confirmations"]))
        assert steps == [
            ("processed", 0),
            ("confirmed", 1),
            ("confirmed", 31),
            ("finalized", None),
        ]

    async def test_the_delay_to_confirmed_can_be_chosen(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """Two seconds are five slots of waiting."""
        chain.confirm_delay_ms = 2_000
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        hand.slots(4)
        assert (await rpc.status(signature))["confirmationStatus"] == "processed"
        hand.slots(1)
        assert (await rpc.status(signature))["confirmationStatus"] == "confirmed"

    async def test_heights_follow_the_commitment(self, rpc: Caller) -> None:
        """Finalized is 32 slots behind, and is what a call without a commitment means."""
        processed, confirmed, finalized = [
            await rpc.call("getBlockHeight", {"commitment": level})
            for level in ("processed", "confirmed", "finalized")
        ]
        assert (processed - confirmed, processed - finalized) == (1, 32)
        assert await rpc.call("getBlockHeight") == finalized
        assert await rpc.call("getSlot", {"commitment": "processed"}) > processed

    async def test_history_begins_at_confirmed(self, chain: Chain, rpc: Caller, hand: Hand) -> None:
        """A transaction is shown at the commitment asked for, which is finalized by default."""
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert await rpc.fetch(signature) is None
        hand.slots(1)
        assert (await rpc.fetch(signature))["slot"] > 0
        newest = {"maxSupportedTransactionVersion": 0}
        assert await rpc.call("getTransaction", signature, newest) is None
        hand.slots(31)
        assert await rpc.call("getTransaction", signature, newest) is not None

    async def test_statuses_leave_the_cache_and_stay_in_history(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """After 150 slots a status is found only with searchTransactionHistory."""
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        hand.slots(150)
        assert await rpc.status(signature) is not None
        hand.slots(1)
        assert await rpc.status(signature) is None
        found = await rpc.status(signature, searchTransactionHistory=True)
        assert found["confirmationStatus"] == "finalized"


class TestNonces:
    @pytest.fixture
    async def nonce(self, chain: Chain, rpc: Caller, hand: Hand) -> tuple[Wallet, Pubkey]:
        """Make a nonce account and its authority, in an earlier slot."""
        owner, account = funded(chain, 100, 1), Keypair()
        made = signed_by(
            [owner.keypair, account],
            [
                create_account(
                    CreateAccountParams(
                        from_pubkey=owner.address,
                        to_pubkey=account.pubkey(),
                        lamports=chain.rent(SIZE),
                        space=SIZE,
                        owner=SYSTEM,
                    )
                ),
                initialize_nonce_account(
                    InitializeNonceAccountParams(
                        nonce_pubkey=account.pubkey(), authority=owner.address
                    )
                ),
            ],
            blockhash_of(chain),
        )
        await rpc.send(made)
        hand.slots(1)
        chain.tick()
        return owner, account.pubkey()

    def spend(
        self, chain: Chain, owner: Wallet, nonce: Pubkey, lamports: int
    ) -> VersionedTransaction:
        """Stand on the nonce's present value and move lamports."""
        advance = AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=owner.address)
        move = TransferParams(
            from_pubkey=owner.address, to_pubkey=chain.faucet.pubkey(), lamports=lamports
        )
        account = chain.account(nonce)
        assert account is not None
        value = value_of(account)
        assert value is not None
        instructions = [advance_nonce_account(advance), transfer(move)]
        return signed_by([owner.keypair], instructions, value)

    async def test_a_nonce_outlives_every_blockhash(
        self, chain: Chain, rpc: Caller, hand: Hand, nonce: tuple[Wallet, Pubkey]
    ) -> None:
        """A transaction on a nonce lands a day later, and once."""
        spent = self.spend(chain, *nonce, lamports=1_000)
        hand.forward(86_400)
        assert (await rpc.simulate(spent))["err"] is None
        signature = await rpc.send(spent)
        assert (await rpc.status(signature))["err"] is None
        hand.slots(1)
        assert (await rpc.refusal(spent))["data"]["err"] == "BlockhashNotFound"
        assert chain.landings.total == 2

    async def test_a_failure_uses_the_nonce_up(
        self, chain: Chain, rpc: Caller, hand: Hand, nonce: tuple[Wallet, Pubkey]
    ) -> None:
        """The fee is taken and the nonce moves on, whatever else was rolled back."""
        failing = self.spend(chain, *nonce, lamports=10**15)
        signature = await rpc.send(failing, skipPreflight=True)
        assert (await rpc.status(signature))["err"] == {"InstructionError": [1, {"Custom": 1}]}
        hand.slots(300)
        assert chain.land(failing) is None
        await rpc.send(self.spend(chain, *nonce, lamports=1_000))
        assert chain.landings.total == 3

    async def test_its_value_can_be_read(
        self, chain: Chain, rpc: Caller, nonce: tuple[Wallet, Pubkey]
    ) -> None:
        """The account is shown parsed, as clients read it."""
        owner, address = nonce
        shown = await rpc.value("getAccountInfo", str(address), {"encoding": "jsonParsed"})
        info = shown["data"]["parsed"]["info"]
        account = chain.account(address)
        assert account is not None
        assert (shown["data"]["program"], info["authority"]) == ("nonce", str(owner.address))
        assert info["blockhash"] == str(value_of(account))


class TestFunding:
    def test_lamports_and_tokens_are_added(self, chain: Chain) -> None:
        """Funding twice gives twice, and the mint's supply grows by what was given."""
        wallet = Wallet()
        for _ in range(2):
            assert fund(chain, wallet.address, USDC.mint, 70, 5) == wallet.account()
        mint = chain.account(USDC.mint)
        assert mint is not None
        assert (wallet.balance(chain), chain.lamports(wallet.address)) == (140, 10)
        assert tokens.mint_state(mint).supply == 140

    def test_a_token_2022_account_is_like_one_of_the_associated_program(self, chain: Chain) -> None:
        """It has the immutable owner extension and lamports to match its size."""
        wallet = Wallet()
        fund(chain, wallet.address, PYUSD.mint, 1)
        account = chain.account(wallet.account(PYUSD.mint))
        assert account is not None
        assert (len(account.data), account.lamports) == (170, chain.rent(170))
        assert tokens.token_state(account).extensions == (7,)

    @pytest.mark.parametrize(("amount", "lamports"), [(-1, 0), (0, -1), (2**64, 0), (0, 2**64)])
    def test_sums_out_of_range_change_nothing(
        self, chain: Chain, amount: int, lamports: int
    ) -> None:
        """Negative and overflowing sums are refused."""
        wallet = Wallet()
        with pytest.raises(ValueError, match=r"negative|u64"):
            fund(chain, wallet.address, USDC.mint, amount, lamports)
        assert chain.account(wallet.account()) is None
        assert chain.lamports(wallet.address) == 0

    def test_what_is_no_mint_gives_nothing(self, chain: Chain) -> None:
        """A wallet's address is not a mint."""
        with pytest.raises(ValueError, match="not a mint"):
            fund(chain, Wallet().address, Wallet().address, 1)

    async def test_the_faucet_gives_equal_wishes_each(self, chain: Chain, rpc: Caller) -> None:
        """Two airdrops of the same sum in one slot are two transactions."""
        wallet = Wallet()
        first, second = [
            await rpc.call("requestAirdrop", str(wallet.address), SOL) for _ in range(2)
        ]
        assert first != second
        assert await rpc.value("getBalance", str(wallet.address)) == 2 * SOL
        assert (await rpc.status(first))["err"] is None

    async def test_lamports_move(self, chain: Chain, rpc: Caller) -> None:
        """A plain transfer works and may not leave dust that rent would take."""
        sender, receiver = funded(chain, sol=1), Wallet()
        await rpc.send(send_lamports(sender, receiver.address, SOL // 2, blockhash_of(chain)))
        assert chain.lamports(receiver.address) == SOL // 2
        dust = send_lamports(sender, Wallet().address, 1, blockhash_of(chain))
        assert "InsufficientFundsForRent" in (await rpc.refusal(dust))["data"]["err"]


class TestBounds:
    async def test_the_oldest_transactions_are_forgotten(self, hand: Hand) -> None:
        """Beyond the bound the oldest can no longer be found, under any address."""
        chain = Chain(clock=hand, kept=20)
        buyer, shop = funded(chain, 1_000, 1), funded(chain)
        landed = [chain.land(pay(buyer, shop.address, 1, blockhash_of(chain))) for _ in range(50)]
        kept = chain.landings.all()
        assert all(landed)
        assert kept == landed[-len(kept) :]
        assert 18 <= len(kept) <= 20
        assert chain.landings.of(shop.account()) == kept[::-1]
        assert (chain.landings.total, shop.balance(chain)) == (50, 50)

    async def test_a_memo_is_part_of_the_message(self, chain: Chain, rpc: Caller) -> None:
        """Two payments that differ in their memo alone both run."""
        buyer, shop = funded(chain, 100), funded(chain)
        for note in ("one", "two"):
            await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain), note=note))
        twice = pay(buyer, shop.address, 1, blockhash_of(chain), more=[memo("two")], note="one")
        await rpc.send(twice)
        assert shop.balance(chain) == 3

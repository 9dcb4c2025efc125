"""What the chain says of a payment that has passed every rule."""

import pytest
from attrs import evolve
from solders.pubkey import Pubkey
from solders.signature import Signature

from support.solana_fakes import (
    BALANCE,
    FakeChain,
    alive,
    checker_of,
    confirmed,
    failing,
    token_account_bytes,
)
from support.transactions import (
    EXPIRES_AT,
    ISSUED_AT,
    PAYER,
    PRICE,
    SEALED,
    SELLER,
    SPONSOR,
    STRANGER,
    Draft,
    Move,
    account_of,
    memo,
    proof_of,
    quote_of,
    self_paid,
)
from tillway.adapters.x402.answers import Account, Landed, Simulation
from tillway.adapters.x402.check import Verified
from tillway.adapters.x402.landing import CLOCK_SKEW
from tillway.adapters.x402.reasons import Reason
from tillway.adapters.x402.transaction import decode
from tillway.core.assets import PYUSD
from tillway.core.codes import SERVER_INSUFFICIENT_FUNDS
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ports.rails import Checked, Proof

SPONSORED = proof_of(Draft().raw())
OWN = proof_of(self_paid(), version=0)
SEALED_OWN = evolve(OWN, sealed=SEALED)
SEALED_SPONSORED = evolve(SPONSORED, sealed=SEALED)
LANDED_AT = ISSUED_AT + 60
ALREADY = failing("AlreadyProcessed")
TOO_OLD = failing("BlockhashNotFound")


async def check(chain: FakeChain, proof: Proof = SPONSORED) -> Checked:
    return await checker_of(chain).check(proof, quote_of())


async def refusal(chain: FakeChain, proof: Proof = SPONSORED) -> Declined:
    with pytest.raises(Declined) as caught:
        await check(chain, proof)
    return caught.value


def landed(err: object | None = None, block_time: int | None = LANDED_AT) -> Landed:
    return Landed(slot=390, block_time=block_time, err=err, owners=dict.fromkeys(range(9), PAYER))


def failed_instruction(place: int, what: object) -> Simulation:
    return failing({"InstructionError": [place, what]})


class TestAlive:
    async def test_one_simulation_is_all_that_is_asked(self) -> None:
        """Its post-state gives the balance before: what is in flight may not pass it."""
        chain = FakeChain()
        checked = await check(chain)
        assert chain.asked == ["simulate"]
        assert isinstance(checked.context, Verified)
        assert checked.context.balance == BALANCE

    @pytest.mark.parametrize("accounts", [(), (None, None)])
    async def test_accounts_left_out_are_fetched(self, accounts: tuple[None, ...]) -> None:
        """Some nodes answer without them."""
        held = {
            Pubkey(account_of(PAYER)): token_account_bytes(),
            Pubkey(account_of(SELLER)): token_account_bytes(SELLER),
        }
        chain = FakeChain(simulation=evolve(alive(), accounts=accounts), held=held)
        checked = await check(chain)
        assert chain.asked == ["simulate", "accounts"]
        assert isinstance(checked.context, Verified)
        assert checked.context.balance == BALANCE

    async def test_accounts_that_are_not_there(self) -> None:
        """Neither party's account is created in band."""
        chain = FakeChain(simulation=evolve(alive(), accounts=()))
        found = await refusal(chain)
        assert (found.code, found.reason) == (Code.MISSING_TOKEN_ACCOUNT, Reason.SIMULATION)

    @pytest.mark.parametrize(
        "receiver",
        [
            token_account_bytes(STRANGER.pubkey()),
            token_account_bytes(SELLER, PYUSD),
        ],
        ids=["given away", "other mint"],
    )
    async def test_an_account_that_is_no_longer_the_sellers(self, receiver: Account) -> None:
        """An associated account keeps its address when its owner gives it away."""
        source = token_account_bytes()
        chain = FakeChain(simulation=evolve(alive(), accounts=(source, receiver)))
        assert (await refusal(chain)).reason == Reason.RECIPIENT


class TestFailing:
    async def test_too_few_tokens(self) -> None:
        """Custom(1) of the transfer itself."""
        found = await refusal(FakeChain(simulation=failed_instruction(2, {"Custom": 1})))
        assert (found.code, found.reason) == (Code.INSUFFICIENT_FUNDS_TOKEN, Reason.SIMULATION)

    @pytest.mark.parametrize("number", [0, 10, 16, 17, 0x1770, 0x178C])
    async def test_other_numbers_are_other_errors(self, number: int) -> None:
        """The whole number counts, never how it begins."""
        found = await refusal(FakeChain(simulation=failed_instruction(2, {"Custom": number})))
        assert found.code == Code.TRANSACTION_FAILED

    @pytest.mark.parametrize("place", [0, 3])
    @pytest.mark.parametrize("what", [{"Custom": 1}, "InvalidAccountData"])
    async def test_other_instructions_do_not_speak_of_tokens(
        self, place: int, what: object
    ) -> None:
        """The same error of another program means something else."""
        found = await refusal(FakeChain(simulation=failed_instruction(place, what)))
        assert found.code == Code.TRANSACTION_FAILED

    async def test_a_missing_account(self) -> None:
        """The token programs see an account without data."""
        found = await refusal(FakeChain(simulation=failed_instruction(2, "InvalidAccountData")))
        assert found.code == Code.MISSING_TOKEN_ACCOUNT

    @pytest.mark.parametrize("err", ["InsufficientFundsForFee", "AccountNotFound"])
    async def test_too_little_sol(self, err: str) -> None:
        """Whose fault it is depends on who pays the fee."""
        buyers = await refusal(FakeChain(simulation=failing(err)), OWN)
        assert buyers.code == Code.INSUFFICIENT_FUNDS_SOL
        ours = await refusal(FakeChain(simulation=failing(err)))
        assert (ours.code, ours.message) == (Code.INTERNAL_ERROR, SERVER_INSUFFICIENT_FUNDS)

    @pytest.mark.parametrize(
        "err",
        ["InvalidAccountIndex", {"InstructionError": [2, "Custom"]}, {"What": 1}, [], 5, True],
    )
    async def test_anything_else(self, err: object) -> None:
        """Errors of the future are failures like others."""
        found = await refusal(FakeChain(simulation=failing(err)))
        assert (found.code, found.reason) == (Code.TRANSACTION_FAILED, Reason.SIMULATION)


class TestOnChainBefore:
    @pytest.mark.parametrize("proof", [SPONSORED, OWN], ids=["sponsored", "own"])
    async def test_without_its_sealed_quote(self, proof: Proof) -> None:
        """Anyone can rebuild such a proof from the chain: never taken, nothing looked up."""
        chain = FakeChain(simulation=ALREADY, landed=landed())
        found = await refusal(chain, proof)
        assert (found.code, found.reason) == (Code.PAYMENT_ALREADY_USED, Reason.DUPLICATE)
        assert chain.asked == ["simulate"]

    async def test_without_our_memo(self) -> None:
        """What the chain has and nobody quoted is an old payment for something else."""
        proof = proof_of(Draft(after=()).raw(), version=1)
        found = await refusal(FakeChain(simulation=ALREADY, landed=landed()), proof)
        assert found.code == Code.PAYMENT_ALREADY_USED

    @pytest.mark.parametrize("proof", [SEALED_SPONSORED, SEALED_OWN], ids=["sponsored", "own"])
    async def test_with_both_in_time(self, proof: Proof) -> None:
        """A buyer who has sent it himself has paid."""
        chain = FakeChain(simulation=ALREADY, landed=landed())
        assert (await check(chain, proof)).landed
        assert chain.asked == ["simulate", "transaction"]

    async def test_ours_is_looked_up_by_our_signature(self) -> None:
        """The proof's first signature is empty; the chain's is the one that we make."""
        chain = FakeChain(simulation=ALREADY, landed=landed())
        await check(chain, SEALED_SPONSORED)
        message = decode(SPONSORED.payload).message
        assert chain.looked_up == [SPONSOR.sign_message(message)]

    @pytest.mark.parametrize(
        ("block_time", "code"),
        [
            (EXPIRES_AT, None),
            (ISSUED_AT, None),
            (ISSUED_AT - CLOCK_SKEW, None),
            (ISSUED_AT - CLOCK_SKEW - 1, Code.PAYMENT_ALREADY_USED),
            (0, Code.PAYMENT_ALREADY_USED),
        ],
    )
    async def test_only_within_the_quotes_time(self, block_time: int, code: Code | None) -> None:
        """Later is too late; earlier is another payment's."""
        chain = FakeChain(simulation=ALREADY, landed=landed(block_time=block_time))
        if code is None:
            assert (await check(chain, SEALED_OWN)).landed
        else:
            assert (await refusal(chain, SEALED_OWN)).code == code

    async def test_later_it_is_kept_for_a_refund(self) -> None:
        """It is this quote's money, and it has come too late."""
        chain = FakeChain(simulation=ALREADY, landed=landed(block_time=EXPIRES_AT + 1))
        checked = await check(chain, SEALED_OWN)
        assert checked.landed
        assert checked.refusal is not None
        assert checked.refusal.code == Code.QUOTE_EXPIRED

    @pytest.mark.parametrize("change", [-1, 1])
    async def test_another_amount_is_kept_for_a_refund(self, change: int) -> None:
        """As much as has come."""
        raw = self_paid([memo(), Move(amount=PRICE + change).plain()])
        proof = evolve(proof_of(raw, version=0), sealed=SEALED)
        checked = await check(FakeChain(simulation=ALREADY, landed=landed()), proof)
        assert checked.refusal is not None
        assert checked.refusal.reason == Reason.AMOUNT
        assert checked.identity.amount == PRICE + change

    async def test_only_without_an_error(self) -> None:
        """Landed and failed is not paid."""
        err = {"InstructionError": [0, {"Custom": 1}]}
        found = await refusal(FakeChain(simulation=ALREADY, landed=landed(err)), SEALED_OWN)
        assert (found.code, found.reason) == (Code.INSUFFICIENT_FUNDS_TOKEN, Reason.FAILED)

    @pytest.mark.parametrize("found", [None, landed(block_time=None)], ids=["nothing", "no time"])
    async def test_not_before_it_can_be_shown(self, found: Landed | None) -> None:
        """The buyer is asked to ask again, and not told that it failed."""
        with pytest.raises(Unavailable) as caught:
            await check(FakeChain(simulation=ALREADY, landed=found), SEALED_OWN)
        assert caught.value.code == Code.TRANSACTION_NOT_CONFIRMED
        assert caught.value.retry_after == 1.0


class TestOnChainUnseen:
    """The simulation runs on a confirmed bank; what is only processed does not show there."""

    async def test_without_its_sealed_quote_a_buyers_own_is_asked_for_first(self) -> None:
        """By its own signature, and once."""
        chain = FakeChain()
        assert not (await check(chain, OWN)).landed
        assert sorted(chain.asked) == ["has run", "simulate"]
        assert chain.looked_up == [Signature(decode(OWN.payload).signatures[0])]

    async def test_what_a_node_has_already_is_an_old_payment(self) -> None:
        """Whoever saw it there can bring it."""
        found = await refusal(FakeChain(run=True), OWN)
        assert (found.code, found.reason) == (Code.PAYMENT_ALREADY_USED, Reason.DUPLICATE)

    async def test_with_its_sealed_quote_it_is_taken_without_asking(self) -> None:
        """Sending it again does no harm, and nobody else has the quote."""
        chain = FakeChain(run=True)
        assert not (await check(chain, SEALED_OWN)).landed
        assert chain.asked == ["simulate"]

    async def test_what_fails_since_it_has_run_is_paid(self) -> None:
        """A node that forgot the message runs it again, and the money is gone."""
        broke = failed_instruction(2, {"Custom": 1})
        chain = FakeChain(simulation=broke, run=True, landed=landed())
        assert (await check(chain, SEALED_OWN)).landed
        assert chain.asked == ["simulate", "has run", "transaction"]

    async def test_what_fails_and_is_not_confirmed_yet_is_refused_by_nobody(self) -> None:
        """The buyer is asked to ask again."""
        chain = FakeChain(simulation=failed_instruction(2, {"Custom": 1}), run=True)
        with pytest.raises(Unavailable) as caught:
            await check(chain, SEALED_OWN)
        assert caught.value.code == Code.TRANSACTION_NOT_CONFIRMED

    async def test_ours_cannot_have_run(self) -> None:
        """Our signature is missing: a sponsored payment costs one simulation, as ever."""
        for proof in (SPONSORED, SEALED_SPONSORED):
            chain = FakeChain(run=True)
            assert not (await check(chain, proof)).landed
            assert chain.asked == ["simulate"]


class TestOldBlockhash:
    @pytest.mark.parametrize("proof", [SPONSORED, OWN])
    async def test_expired(self, proof: Proof) -> None:
        """It can never land: nothing to look up."""
        chain = FakeChain(simulation=TOO_OLD)
        found = await refusal(chain, proof)
        assert (found.code, found.reason) == (Code.TRANSACTION_EXPIRED, Reason.INVALID_STATE)
        assert chain.asked == ["simulate"]

    async def test_expired_without_having_landed(self) -> None:
        """With a sealed quote the chain's history is searched first."""
        chain = FakeChain(simulation=TOO_OLD)
        assert (await refusal(chain, SEALED_OWN)).code == Code.TRANSACTION_EXPIRED
        assert chain.asked == ["simulate", "statuses"]
        assert chain.looked_up == [Signature(decode(OWN.payload).signatures[0])]

    async def test_landed_before_it_expired(self) -> None:
        """Found in the history, in time and without an error: paid."""
        chain = FakeChain(simulation=TOO_OLD, status=confirmed(), landed=landed())
        assert (await check(chain, SEALED_OWN)).landed
        assert chain.asked == ["simulate", "statuses", "transaction"]

    async def test_landed_but_failed(self) -> None:
        """The history shows the error."""
        chain = FakeChain(simulation=TOO_OLD, status=confirmed("x"), landed=landed("x"))
        assert (await refusal(chain, SEALED_OWN)).code == Code.TRANSACTION_FAILED


class TestOrder:
    async def test_rules_come_before_the_network(self) -> None:
        """A node is asked only about payments that we could take."""
        chain = FakeChain(simulation=ALREADY)
        bad = proof_of(Draft(move=Move(amount=PRICE + 1), after=(memo(),)).raw(), sealed=SEALED)
        assert (await refusal(chain, bad)).code == Code.AMOUNT_MISMATCH
        assert chain.asked == []

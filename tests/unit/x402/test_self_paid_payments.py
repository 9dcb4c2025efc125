"""Payments whose fee the buyer pays: version 0 only, any order, and none of our keys."""

import pytest
from solders.instruction import Instruction

from support.solana_fakes import FakeChain, alive, checker_of
from support.transactions import (
    BUYER,
    OTHER_SPONSOR,
    PAYER,
    PRICE,
    SELLER,
    SPONSOR,
    STRANGER,
    Draft,
    Move,
    account_of,
    close_account,
    keypair,
    lamports_from,
    memo,
    proof_of,
    quote_of,
    self_paid,
    unit_limit,
    wire,
)
from tillway.adapters.x402.check import Verified
from tillway.adapters.x402.programs import TOKEN, TOKEN_2022
from tillway.adapters.x402.reasons import Reason
from tillway.core.assets import PYUSD
from tillway.core.errors import Code, Declined
from tillway.core.ports.rails import Checked
from tillway.core.quotes import Quote


async def accepted(raw: bytes, quote: Quote | None = None) -> Checked:
    checker = checker_of(FakeChain(simulation=alive()))
    return await checker.check(proof_of(raw, version=0), quote or quote_of())


async def refusal(raw: bytes, quote: Quote | None = None) -> Declined:
    chain = FakeChain()
    with pytest.raises(Declined) as caught:
        await checker_of(chain).check(proof_of(raw, version=0), quote or quote_of())
    assert chain.asked == []
    return caught.value


class TestGoodPayments:
    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize(
        "instructions",
        [
            [Move().checked(), memo()],
            [memo(), Move().plain()],
            [memo(), unit_limit(1_400_000), lamports_from(PAYER, SELLER), Move().checked()],
            [Move().checked(), close_account(account_of(PAYER), PAYER, PAYER), memo()],
            [Move(destination=account_of(STRANGER.pubkey())).checked(), Move().plain(), memo()],
        ],
        ids=["plain order", "unchecked", "any order", "closes", "pays others too"],
    )
    async def test_any_order_and_company(
        self, instructions: list[Instruction], legacy: bool
    ) -> None:
        """What else the buyer does is the buyer's affair."""
        checked = await accepted(self_paid(instructions, legacy=legacy))
        context = checked.context
        assert isinstance(context, Verified)
        assert (context.sponsor, context.lamports) == (None, 0)
        assert checked.identity.payer == str(PAYER)
        assert checked.identity.amount == PRICE

    async def test_another_may_pay_the_fee(self) -> None:
        """A friend's signature counts like any other: verified."""
        raw = wire([Move().checked(), memo()], [STRANGER, BUYER], fee_payer=STRANGER.pubkey())
        assert (await accepted(raw)).identity.payer == str(PAYER)

    async def test_a_products_own_account(self) -> None:
        """Wherever the seller wants it."""
        account = keypair("shop").pubkey()
        raw = self_paid([Move(destination=bytes(account)).plain(), memo()])
        assert await accepted(raw, quote_of(pay_to=str(account)))


class TestRefusals:
    @pytest.mark.parametrize("signer", [SPONSOR, OTHER_SPONSOR])
    async def test_our_keys_in_a_signers_place(self, signer: object) -> None:
        """Without the buyer's word for it we never sign."""
        pair = SPONSOR if signer is SPONSOR else OTHER_SPONSOR
        raw = wire([Move().checked(), memo()], [BUYER], fee_payer=pair.pubkey())
        assert (await refusal(raw)).reason == Reason.FEE_PAYER_SPENDS
        raw = wire([Move().checked(), memo("x", pair.pubkey())], [BUYER], fee_payer=PAYER)
        assert (await refusal(raw)).reason == Reason.FEE_PAYER_SPENDS

    async def test_a_sponsored_payment_without_the_switch(self) -> None:
        """Version 0 names the fee payer or pays itself."""
        assert (await refusal(Draft().raw())).reason == Reason.FEE_PAYER_SPENDS

    async def test_every_signature_is_verified(self) -> None:
        """The first as well as the others."""
        raw = wire([Move().checked(), memo()], [STRANGER, BUYER], fee_payer=STRANGER.pubkey())
        for place in (10, 80):
            broken = bytearray(raw)
            broken[place] ^= 1
            found = await refusal(bytes(broken))
            assert (found.code, found.reason) == (Code.INVALID_SIGNATURE, Reason.SIGNATURE)

    @pytest.mark.parametrize(
        "instructions",
        [
            [memo()],
            [lamports_from(PAYER, SELLER, PRICE), memo()],
            [Move(tail=b"\0").checked(), memo()],
            [Move(program=bytes(STRANGER.pubkey())).checked(), memo()],
        ],
        ids=["nothing", "lamports", "long", "program"],
    )
    async def test_no_transfer(self, instructions: list[Instruction]) -> None:
        """Only token transfers of exactly their length count."""
        raw = self_paid(instructions)
        assert (await refusal(raw)).reason == Reason.NO_TRANSFER

    @pytest.mark.parametrize("second", [Move().checked(), Move().plain(), Move(amount=1).plain()])
    async def test_two_transfers_to_us(self, second: Instruction) -> None:
        """One payment is one transfer, however the sum comes out."""
        raw = self_paid([Move(amount=PRICE - 1).checked(), second, memo()])
        assert (await refusal(raw)).reason == Reason.AMOUNT

    @pytest.mark.parametrize(
        ("move", "code"),
        [
            (Move(amount=PRICE - 1), Code.AMOUNT_BELOW_MINIMUM),
            (Move(amount=PRICE + 1), Code.AMOUNT_MISMATCH),
            (Move(destination=account_of(STRANGER.pubkey())), Code.INVALID_RECIPIENT),
            (Move(mint=bytes(STRANGER.pubkey())), Code.INVALID_TOKEN_MINT),
            (Move(decimals=5), Code.INVALID_TRANSACTION),
            (Move(program=TOKEN_2022), Code.INVALID_TOKEN_PROGRAM),
        ],
        ids=["less", "more", "elsewhere", "mint", "decimals", "program"],
    )
    async def test_another_transfer_than_quoted(self, move: Move, code: Code) -> None:
        """The same rules for the money as for sponsored payments."""
        assert (await refusal(self_paid([move.checked(), memo()]))).code == code

    async def test_an_unchecked_transfer_by_the_other_program(self) -> None:
        """A transfer without a mint is still bound to the token's program."""
        move = Move(asset=PYUSD, program=TOKEN)
        raw = self_paid([move.plain(), memo()])
        assert (await refusal(raw, quote_of(asset=PYUSD))).code == Code.INVALID_TOKEN_PROGRAM

    async def test_our_own_money_in_a_circle(self) -> None:
        """A transfer from the account to itself moves nothing."""
        move = Move(source=account_of(SELLER))
        assert (await refusal(self_paid([move.checked(), memo()]))).code == Code.INVALID_RECIPIENT

    async def test_without_our_memo(self) -> None:
        """A transfer that any gateway could claim is none of ours."""
        for after in ([], [memo("thanks")], [memo("x" * 24)]):
            found = await refusal(self_paid([Move().checked(), *after]))
            assert found.reason in {Reason.MEMO_COUNT, Reason.MEMO}
        assert (await refusal(self_paid([Move().checked()]))).code == Code.MISSING_MEMO

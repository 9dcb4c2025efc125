"""Every rule of a payment whose fee our wallet pays, each broken alone."""

import struct
from decimal import Decimal

import pytest
from attrs import evolve
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from support.solana_fakes import BALANCE, FakeChain, alive, checker_of, config_of
from support.transactions import (
    BUYER,
    MEMO_TEXT,
    OTHER_SPONSOR,
    PAYER,
    PRICE,
    SELLER,
    SPONSOR,
    STRANGER,
    Draft,
    Move,
    account_of,
    advance_nonce,
    at,
    close_account,
    keypair,
    lamports_from,
    lighthouse,
    memo,
    mint_of,
    proof_of,
    quote_of,
    resigned,
    unit_limit,
    unit_price,
)
from tillway.adapters.x402.check import Verified
from tillway.adapters.x402.config import Sponsoring
from tillway.adapters.x402.programs import COMPUTE_BUDGET, TOKEN, TOKEN_2022
from tillway.adapters.x402.reasons import Reason
from tillway.core.assets import PYUSD, USDC
from tillway.core.errors import Code, Declined
from tillway.core.ports.rails import Checked
from tillway.core.quotes import Quote

VERSIONS = [(1, None), (2, None), (2, str(SPONSOR.pubkey())), (0, str(SPONSOR.pubkey()))]


async def accepted(
    raw: bytes, quote: Quote | None = None, *, version: int = 2, sponsor: str | None = None
) -> Checked:
    checker = checker_of(FakeChain(simulation=alive((quote or quote_of()).amount.minor)))
    proof = proof_of(raw, version=version, sponsor=sponsor)
    return await checker.check(proof, quote or quote_of())


async def refusal(
    raw: bytes,
    quote: Quote | None = None,
    *,
    version: int = 2,
    sponsor: str | None = None,
    limits: Sponsoring | None = None,
) -> Declined:
    """Check something hostile; nothing may have been asked of the chain."""
    chain = FakeChain()
    checker = checker_of(chain, limits)
    proof = proof_of(raw, version=version, sponsor=sponsor)
    with pytest.raises(Declined) as caught:
        await checker.check(proof, quote or quote_of())
    assert chain.asked == []
    return caught.value


async def reason(raw: bytes, **more: str) -> str | None:
    return (await refusal(raw, sponsor=more.get("sponsor"))).reason


def verified(checked: Checked) -> Verified:
    assert isinstance(checked.context, Verified)
    return checked.context


class TestGoodPayments:
    @pytest.mark.parametrize(("version", "sponsor"), VERSIONS)
    @pytest.mark.parametrize("legacy", [False, True])
    async def test_every_dialect_and_format(
        self, version: int, sponsor: str | None, legacy: bool
    ) -> None:
        """The same rules let the same payment through, with one simulation."""
        chain = FakeChain()
        proof = proof_of(Draft(legacy=legacy).raw(), version=version, sponsor=sponsor)
        checked = await checker_of(chain).check(proof, quote_of())
        assert not checked.landed
        assert checked.identity.payer == str(PAYER)
        assert checked.identity.amount == PRICE
        assert checked.identity.memo == MEMO_TEXT
        assert chain.asked == ["simulate"]

    async def test_what_it_costs_us_and_holds_is_known(self) -> None:
        """Two signatures and one microlamport-priced lamport; the balance is the one before."""
        found = verified(await accepted(Draft().raw()))
        assert found.lamports == 10_001
        assert found.sponsor == bytes(SPONSOR.pubkey())
        assert found.balance == BALANCE

    async def test_three_instructions_without_memo(self) -> None:
        """The oldest client drops memos; a shared price check happens in the core."""
        assert await accepted(Draft(after=()).raw(), version=1)

    async def test_a_foreign_memo(self) -> None:
        """A random nonce of a client's own binds nothing and harms nothing."""
        assert await accepted(Draft(after=(memo("0123456789abcdef" * 2),)).raw(), version=1)

    @pytest.mark.parametrize("count", [1, 2, 3])
    async def test_lighthouse_up_to_seven_instructions(self, count: int) -> None:
        """Wallets add assertions of their own."""
        extra = (lighthouse(at(PAYER, signs=True, writes=True)),) * count
        assert await accepted(Draft(after=(memo(), *extra)).raw())

    async def test_the_old_servers_memo_signed_by_the_buyer(self) -> None:
        """The gasless layout of version 0 lists the buyer as the memo's signer."""
        assert await accepted(
            Draft(after=(memo(f"article:{MEMO_TEXT}", PAYER),), legacy=True).raw(),
            version=0,
            sponsor=str(SPONSOR.pubkey()),
        )

    async def test_a_sponsor_that_is_also_the_seller(self) -> None:
        """The fee payer may own the receiving account: its key is in no instruction."""
        quote = quote_of(pay_to=str(Pubkey(account_of(SPONSOR.pubkey()))))
        move = Move(destination=account_of(SPONSOR.pubkey()))
        checker = checker_of(FakeChain())
        text = Draft(move=move)
        assert await checker.check(proof_of(text.raw()), quote)

    async def test_token_2022(self) -> None:
        """A mint of Token-2022 moves by its own program."""
        quote = quote_of(asset=PYUSD)
        chain = FakeChain(simulation=alive(asset=PYUSD))
        checked = await checker_of(chain).check(
            proof_of(Draft(move=Move(asset=PYUSD)).raw()), quote
        )
        assert checked.identity.amount == PRICE

    async def test_more_accounts_than_four(self) -> None:
        """Transfer hooks list theirs after the authority."""
        more = (at(Pubkey.new_unique()),)
        assert await accepted(Draft(move=Move(more=more)).raw())


class TestLayout:
    async def test_too_few_instructions(self) -> None:
        """Three are the least."""
        raw = Draft().running([unit_limit(), Move().checked()])
        assert await reason(raw) == Reason.LENGTH

    async def test_too_many_instructions(self) -> None:
        """Seven are the most."""
        raw = Draft(after=(memo(), *[lighthouse(at(PAYER))] * 4)).raw()
        assert await reason(raw) == Reason.LENGTH

    @pytest.mark.parametrize(
        "first",
        [
            unit_price(),
            memo("foreign"),
            Instruction(Pubkey(COMPUTE_BUDGET), b"\x01\x00\x00\x01\x00", []),
            Instruction(Pubkey(COMPUTE_BUDGET), b"\x02\x20\x4e\x00", []),
            Instruction(Pubkey(COMPUTE_BUDGET), b"\x02\x20\x4e\x00\x00\x00", []),
            Instruction(Pubkey(COMPUTE_BUDGET), b"", []),
        ],
        ids=["price", "memo", "heap", "short", "long", "empty"],
    )
    async def test_the_first_sets_the_unit_limit(self, first: Instruction) -> None:
        """Exactly SetComputeUnitLimit, of exactly its length."""
        raw = Draft().running([first, unit_price(), Move().checked(), memo("mine")])
        assert await reason(raw) == Reason.UNIT_LIMIT

    @pytest.mark.parametrize(
        "second",
        [
            unit_limit(),
            memo("foreign"),
            Instruction(Pubkey(COMPUTE_BUDGET), b"\x03" + bytes(7), []),
            Instruction(Pubkey(COMPUTE_BUDGET), b"\x03" + bytes(9), []),
        ],
        ids=["limit", "memo", "short", "long"],
    )
    async def test_the_second_sets_the_unit_price(self, second: Instruction) -> None:
        """Exactly SetComputeUnitPrice."""
        raw = Draft().running([unit_limit(), second, Move().checked(), memo("mine")])
        assert await reason(raw) == Reason.UNIT_PRICE

    @pytest.mark.parametrize(
        "third",
        [
            Move().plain(),
            Move(tail=b"\0").checked(),
            memo(),
            lamports_from(PAYER, SELLER),
            Move(program=bytes(COMPUTE_BUDGET)).checked(),
            Instruction(Pubkey(TOKEN), struct.pack("<BQB", 12, PRICE, 6), [at(PAYER, signs=True)]),
            Instruction(Pubkey(TOKEN), b"", []),
        ],
        ids=["unchecked", "long", "memo", "lamports", "program", "accounts", "empty"],
    )
    async def test_the_third_is_the_transfer(self, third: Instruction) -> None:
        """TransferChecked of a token program, ten bytes, at least four accounts."""
        raw = Draft().running([unit_limit(), unit_price(), third, memo(MEMO_TEXT, PAYER)])
        found = await refusal(raw)
        assert (found.code, found.reason) == (Code.NOT_SPL_TRANSFER, Reason.NO_TRANSFER)

    @pytest.mark.parametrize(
        ("place", "expected"),
        [
            (0, Reason.UNKNOWN_FOURTH),
            (1, Reason.UNKNOWN_FIFTH),
            (2, Reason.UNKNOWN_SIXTH),
            (3, Reason.UNKNOWN_SEVENTH),
        ],
    )
    @pytest.mark.parametrize(
        "intruder",
        [
            Move(amount=1).checked(),
            Move(amount=1).plain(),
            lamports_from(PAYER, SELLER),
            lamports_from(SPONSOR.pubkey(), PAYER, 10**9),
            close_account(account_of(PAYER), PAYER, PAYER),
            close_account(account_of(SPONSOR.pubkey()), PAYER, SPONSOR.pubkey()),
            unit_limit(),
            Instruction(Pubkey.new_unique(), b"", []),
        ],
        ids=["transfer", "plain", "lamports", "drain", "close", "close ours", "budget", "unknown"],
    )
    async def test_nothing_but_lighthouse_and_memo_follows(
        self, place: int, expected: Reason, intruder: Instruction
    ) -> None:
        """Our key would sign for every instruction, so each is on the allow-list or refused."""
        after = [memo(), lighthouse(at(PAYER)), lighthouse(at(PAYER)), lighthouse(at(PAYER))]
        after[place] = intruder
        assert await reason(Draft(after=tuple(after[: place + 1])).raw()) == expected

    async def test_a_nonce_account_is_refused(self) -> None:
        """A durable nonce would let our signature be used at any later time."""
        raw = Draft().running(
            [
                advance_nonce(Pubkey.new_unique(), PAYER),
                unit_limit(),
                unit_price(),
                Move().checked(),
            ]
        )
        assert await reason(raw) == Reason.INVALID_STATE


class TestCost:
    @pytest.mark.parametrize("units", [400_001, 1_400_000, 2**32 - 1])
    async def test_compute_units_are_capped(self, units: int) -> None:
        """The demonstrated drain asked for 1.4 million."""
        assert await reason(Draft(units=units).raw()) == Reason.UNIT_LIMIT_HIGH

    @pytest.mark.parametrize("price", [50_001, 5_000_000, 2**64 - 1])
    async def test_the_unit_price_is_capped(self, price: int) -> None:
        """Microlamports a unit, whatever the number of units."""
        assert await reason(Draft(units=1, price=price).raw()) == Reason.UNIT_PRICE_HIGH

    async def test_the_caps_themselves_are_allowed(self) -> None:
        """400,000 units at 50,000 microlamports: 30,000 lamports."""
        found = await accepted(Draft(units=400_000, price=50_000).raw())
        assert verified(found).lamports == 30_000

    async def test_lamports_are_capped_in_all(self) -> None:
        """Units and price may each be low enough and their product too high."""
        limits = Sponsoring(most_lamports=29_999)
        raw = Draft(units=400_000, price=50_000).raw()
        assert (await refusal(raw, limits=limits)).reason == Reason.UNIT_PRICE_HIGH

    async def test_fractions_of_a_lamport_count_as_one(self) -> None:
        """The chain rounds up, and so do we."""
        assert verified(await accepted(Draft(units=1, price=1).raw())).lamports == 10_001
        assert verified(await accepted(Draft(units=0, price=0).raw())).lamports == 10_000

    async def test_payments_not_worth_their_fee(self) -> None:
        """With a price of SOL set, the smallest payments pay their own way."""
        # 30,000 lamports at 1,000 dollars a SOL are three cents; twice that is six.
        limits = Sponsoring(sol_usd=Decimal(1000), minimum_cost_multiple=Decimal(2))
        assert (await refusal(Draft().raw(), limits=limits)).reason == Reason.FEE_PAYER_UNKNOWN
        checker = checker_of(FakeChain(simulation=alive(60_000)), limits)
        raw = Draft(move=Move(amount=60_000)).raw()
        assert await checker.check(proof_of(raw), quote_of(60_000))


class TestFeePayer:
    async def test_a_strangers_wallet(self) -> None:
        """We sign for wallets of ours only."""
        assert await reason(Draft(sponsor=STRANGER).raw()) == Reason.FEE_PAYER_UNKNOWN

    async def test_the_buyer_himself(self) -> None:
        """Versions 1 and 2 have no payment without our signature."""
        raw = Draft(sponsor=BUYER).raw()
        assert await reason(raw) == Reason.FEE_PAYER_UNKNOWN

    async def test_the_proof_names_a_strangers_wallet(self) -> None:
        """What the proof names must be ours too."""
        found = await reason(Draft().raw(), sponsor=str(STRANGER.pubkey()))
        assert found == Reason.FEE_PAYER_UNKNOWN

    async def test_the_old_server_with_gasless_switched_off(self) -> None:
        """The switch is for version 0; official clients have no other way to pay."""
        chain = FakeChain()
        checker = checker_of(chain)
        checker.config = config_of(gasless=False)
        raw, sponsor = Draft().raw(), str(SPONSOR.pubkey())
        with pytest.raises(Declined, match="not enabled"):
            await checker.check(proof_of(raw, version=0, sponsor=sponsor), quote_of())
        assert chain.asked == []
        assert await checker.check(proof_of(raw, version=2, sponsor=sponsor), quote_of())

    async def test_the_proof_names_another_of_ours(self) -> None:
        """Account 0 is the fee payer that the buyer chose."""
        found = await reason(Draft().raw(), sponsor=str(OTHER_SPONSOR.pubkey()))
        assert found == Reason.FEE_PAYER_MISMATCH

    @pytest.mark.parametrize(
        "after",
        [
            (memo(MEMO_TEXT, SPONSOR.pubkey()),),
            (memo(), lighthouse(at(SPONSOR.pubkey()))),
            (memo(), lighthouse(at(SPONSOR.pubkey(), signs=True, writes=True))),
            (memo(MEMO_TEXT, PAYER, SPONSOR.pubkey()),),
        ],
        ids=["memo", "lighthouse", "lighthouse writes", "second signer"],
    )
    async def test_it_is_in_no_instructions_accounts(self, after: tuple[Instruction]) -> None:
        """Where it is named, a program could spend in its name."""
        assert await reason(Draft(after=after).raw()) == Reason.FEE_PAYER_SPENDS

    @pytest.mark.parametrize(
        "move",
        [
            Move(authority=SPONSOR.pubkey()),
            Move(source=bytes(SPONSOR.pubkey())),
            Move(more=(at(SPONSOR.pubkey()),)),
            Move(authority=OTHER_SPONSOR.pubkey()),
        ],
        ids=["authority", "source", "hook", "another of ours"],
    )
    async def test_our_keys_move_no_tokens(self, move: Move) -> None:
        """Neither the fee payer nor another sponsor may be the one whose money moves."""
        assert await reason(Draft(move=move).raw()) == Reason.FEE_PAYER_SPENDS

    async def test_it_is_no_program(self) -> None:
        """A program id of ours would be a trap that solders' sanitiser springs first."""
        raw = Draft(after=(Instruction(SPONSOR.pubkey(), b"", []),)).raw()
        assert await reason(raw) in {Reason.UNDECODABLE, Reason.UNKNOWN_FOURTH}


class TestSignatures:
    async def test_an_extra_signer(self) -> None:
        """Each one costs the sponsor 5,000 lamports."""
        raw = Draft(after=(memo(MEMO_TEXT, STRANGER.pubkey()),), others=(STRANGER,)).raw()
        assert await reason(raw) == Reason.SIGNERS

    async def test_a_payer_that_does_not_sign(self) -> None:
        """The authority is the second signer, nobody else."""
        accounts = list(Move().checked().accounts)
        accounts[3] = at(PAYER)
        transfer = Instruction(Pubkey(TOKEN), Move().checked().data, accounts)
        raw = Draft().running([unit_limit(), unit_price(), transfer, memo()])
        assert await reason(raw) == Reason.SIGNATURE
        other = memo(MEMO_TEXT, STRANGER.pubkey())
        raw = Draft(others=(STRANGER,)).running([unit_limit(), unit_price(), transfer, other])
        assert await reason(raw) == Reason.SIGNATURE

    @pytest.mark.parametrize("at_bit", [0, 100, 511])
    async def test_a_wrong_signature(self, at_bit: int) -> None:
        """Verified here and now: no node, no co-signing."""
        raw = bytearray(Draft().raw())
        raw[65 + at_bit // 8] ^= 1 << at_bit % 8
        found = await refusal(bytes(raw))
        assert (found.code, found.reason) == (Code.INVALID_SIGNATURE, Reason.SIGNATURE)

    async def test_a_missing_signature(self) -> None:
        """Zeros are no signature."""
        assert await reason(resigned(Draft().raw())) == Reason.SIGNATURE

    async def test_a_signature_over_another_message(self) -> None:
        """Signatures do not move from one payment to another."""
        other = Draft(move=Move(amount=1)).raw()
        raw = Draft().raw()
        assert await reason(raw[:65] + other[65:129] + raw[129:]) == Reason.SIGNATURE


class TestMoney:
    @pytest.mark.parametrize("amount", [0, 1, PRICE - 1])
    async def test_less_than_quoted(self, amount: int) -> None:
        """One minor unit too little is too little."""
        found = await refusal(Draft(move=Move(amount=amount)).raw())
        assert (found.code, found.reason) == (Code.AMOUNT_BELOW_MINIMUM, Reason.AMOUNT)

    @pytest.mark.parametrize("amount", [PRICE + 1, 2**64 - 1])
    async def test_more_than_quoted(self, amount: int) -> None:
        """Amounts are equal or refused before anything moves."""
        found = await refusal(Draft(move=Move(amount=amount)).raw())
        assert (found.code, found.reason) == (Code.AMOUNT_MISMATCH, Reason.AMOUNT)

    async def test_another_mint(self) -> None:
        """Even one of the same program and with as many decimals."""
        move = Move(mint=bytes(keypair("worthless").pubkey()))
        found = await refusal(Draft(move=move).raw())
        assert (found.code, found.reason) == (Code.INVALID_TOKEN_MINT, Reason.MINT)

    async def test_another_asset_of_ours(self) -> None:
        """A quote in one token is not paid in another."""
        found = await refusal(Draft(move=Move(asset=PYUSD)).raw())
        assert (found.code, found.reason) == (Code.INVALID_TOKEN_PROGRAM, Reason.MINT)

    @pytest.mark.parametrize(("asset", "program"), [(USDC, TOKEN_2022), (PYUSD, TOKEN)])
    async def test_the_other_token_program(self, asset: object, program: bytes) -> None:
        """A mint belongs to one program, and the account is derived with it."""
        known = USDC if asset is USDC else PYUSD
        move = Move(asset=known, program=program)
        found = await refusal(Draft(move=move).raw(), quote_of(asset=known))
        assert found.code == Code.INVALID_TOKEN_PROGRAM

    async def test_a_mint_off_the_list(self) -> None:
        """A quote in an asset that the rail does not take is refused, whatever is paid."""
        unknown = evolve(USDC, code="OTHER")
        found = await refusal(Draft().raw(), quote_of(asset=unknown))
        assert found.code == Code.INVALID_TOKEN_MINT

    async def test_wrong_decimals(self) -> None:
        """They are part of what the transfer claims about its mint."""
        found = await refusal(Draft(move=Move(decimals=9)).raw())
        assert (found.code, found.reason) == (Code.INVALID_TRANSACTION, Reason.MINT)

    @pytest.mark.parametrize(
        "destination",
        [
            account_of(STRANGER.pubkey()),
            account_of(PAYER),
            bytes(SELLER),
            account_of(SELLER, PYUSD),
            mint_of(USDC),
        ],
        ids=["stranger", "buyer", "wallet", "other mint", "mint"],
    )
    async def test_another_destination(self, destination: bytes) -> None:
        """The associated account of our wallet and no other."""
        if destination == account_of(PAYER):
            move = Move(destination=destination, source=account_of(STRANGER.pubkey()))
        elif destination == mint_of(USDC):
            move = Move(destination=destination, mint=account_of(SELLER))
        else:
            move = Move(destination=destination)
        found = await refusal(Draft(move=move).raw())
        assert found.reason in {Reason.RECIPIENT, Reason.MINT}

    async def test_a_products_own_account(self) -> None:
        """Its token account is paid and not its owner's usual one."""
        account = keypair("shop").pubkey()
        quote = quote_of(pay_to=str(account))
        assert (await refusal(Draft().raw(), quote)).reason == Reason.RECIPIENT
        assert await accepted(Draft(move=Move(destination=bytes(account))).raw(), quote)

    async def test_another_network(self) -> None:
        """A quote of another cluster is none here."""
        found = await refusal(Draft().raw(), evolve(quote_of(), network="solana:other"))
        assert found.reason == Reason.NETWORK_MISMATCH

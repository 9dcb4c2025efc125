"""Transactions that a buyer only has to sign."""

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import Transaction
from spl.memo.instructions import decode_create_memo
from spl.token.instructions import transfer_checked
from spl.token.models import TransferCheckedParams

from support.solana_fakes import (
    SHOWN,
    FakeChain,
    FakeWallets,
    alive,
    checker_of,
    config_of,
    offering_of,
)
from support.transactions import (
    BLOCKHASH,
    BUYER,
    MEMO_TEXT,
    OTHER_SPONSOR,
    PAYER,
    PRICE,
    SELLER,
    SPONSOR,
    STRANGER,
    account_of,
    at,
    mint_of,
    program_of,
    proof_of,
    quote_of,
    resigned,
)
from tillway.adapters.x402.build import Builder
from tillway.adapters.x402.config import RailConfig, Sponsoring
from tillway.core.assets import PYUSD, USDC, Asset
from tillway.core.errors import Code, Declined
from tillway.core.ports.rails import Built


def builder_of(config: RailConfig | None = None, wallets: FakeWallets | None = None) -> Builder:
    known = config or config_of()
    return Builder(config=known, chain=FakeChain(), offering=offering_of(wallets))


async def build(
    builder: Builder | None = None,
    payer: str = str(PAYER),
    sponsor: str | None = None,
    asset: Asset = USDC,
) -> Built:
    return await (builder or builder_of()).build(
        quote_of(asset=asset), payer, sponsor, MEMO_TEXT, SHOWN
    )


def instructions(built: Built) -> list[Instruction]:
    message = Transaction.from_bytes(built.transaction).message
    keys = message.account_keys
    return [
        Instruction(
            keys[one.program_id_index],
            bytes(one.data),
            [at(keys[place]) for place in bytes(one.accounts)],
        )
        for one in message.instructions
    ]


class TestLayout:
    @pytest.mark.parametrize("asset", [USDC, PYUSD])
    async def test_it_passes_the_rules_once_signed(self, asset: Asset) -> None:
        """What we build is what we would sign."""
        built = await build(asset=asset)
        raw = resigned(built.transaction, BUYER)
        checker = checker_of(FakeChain(simulation=alive(asset=asset)))
        proof = proof_of(raw, version=0, sponsor=built.fee_payer)
        checked = await checker.check(proof, quote_of(asset=asset))
        assert checked.identity.memo == f"article:{MEMO_TEXT}"

    async def test_it_is_unsigned_and_legacy(self) -> None:
        """Two empty signatures, the sponsor's first."""
        built = await build()
        transaction = Transaction.from_bytes(built.transaction)
        assert bytes(transaction) == built.transaction
        assert [bytes(one) for one in transaction.signatures] == [bytes(64)] * 2
        assert transaction.message.account_keys[0] == SPONSOR.pubkey()
        assert built.blockhash == str(BLOCKHASH) == str(transaction.message.recent_blockhash)
        assert (built.fee_payer, built.last_valid_height) == (str(SPONSOR.pubkey()), 530)

    @pytest.mark.parametrize("asset", [USDC, PYUSD])
    async def test_the_transfer_is_the_solana_packages(self, asset: Asset) -> None:
        """Byte for byte and account for account what spl.token would write."""
        found = instructions(await build(asset=asset))
        theirs = transfer_checked(
            TransferCheckedParams(
                program_id=Pubkey(program_of(asset)),
                source=Pubkey(account_of(PAYER, asset)),
                mint=Pubkey(mint_of(asset)),
                dest=Pubkey(account_of(SELLER, asset)),
                owner=PAYER,
                amount=PRICE,
                decimals=6,
            )
        )
        assert (found[2].program_id, found[2].data) == (theirs.program_id, theirs.data)
        assert [one.pubkey for one in found[2].accounts] == [one.pubkey for one in theirs.accounts]

    async def test_the_memo_is_signed_by_the_buyer(self) -> None:
        """The solana package reads it back."""
        found = instructions(await build())
        memo = decode_create_memo(found[3])
        assert (memo.signer, memo.message) == (PAYER, f"article:{MEMO_TEXT}".encode())

    async def test_compute_units_stay_within_the_caps(self) -> None:
        """Settings for building never exceed those for sponsoring."""
        limits = Sponsoring(most_units=1_000, most_unit_price=7)
        config = config_of(limits, compute_unit_limit=200_000, compute_unit_price=8)
        found = instructions(await build(builder_of(config)))
        assert found[0].data == b"\x02" + (1_000).to_bytes(4, "little")
        assert found[1].data == b"\x03" + (7).to_bytes(8, "little")


class TestKeys:
    async def test_the_buyer_may_choose_among_ours(self) -> None:
        """By name, healthy or not."""
        built = await build(sponsor=str(OTHER_SPONSOR.pubkey()))
        assert built.fee_payer == str(OTHER_SPONSOR.pubkey())

    @pytest.mark.parametrize("payer", ["", "nobody", str(PAYER)[:-1], str(SPONSOR.pubkey())])
    async def test_the_buyers_wallet(self, payer: str) -> None:
        """A key, and none of ours."""
        with pytest.raises(Declined) as caught:
            await build(payer=payer)
        assert (caught.value.code, caught.value.field) == (Code.INVALID_WALLET, "userWallet")

    @pytest.mark.parametrize("sponsor", ["nobody", str(STRANGER.pubkey()), "\ud800"])
    async def test_the_sponsors_wallet(self, sponsor: str) -> None:
        """Only configured ones."""
        with pytest.raises(Declined) as caught:
            await build(sponsor=sponsor)
        assert (caught.value.code, caught.value.field) == (Code.INVALID_FIELD, "feePayer")

    async def test_without_gasless(self) -> None:
        """Switched off, or no wallet that could pay."""
        for builder in (
            builder_of(config_of(gasless=False)),
            builder_of(wallets=FakeWallets(healthy=[])),
        ):
            with pytest.raises(Declined, match="not enabled") as caught:
                await build(builder)
            assert caught.value.code == Code.INVALID_FIELD

    async def test_two_buyers_share_nothing(self) -> None:
        """Each transaction names its own buyer."""
        first = await build()
        second = await build(payer=str(Keypair().pubkey()))
        assert first.transaction != second.transaction

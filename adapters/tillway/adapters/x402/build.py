"""Build transactions that a buyer only has to sign.

Our wallet pays the fee, or the buyer does. The instructions are those of a sponsored payment, and
so pass the same rules when they come back. They are written here byte by byte: spl.token's
builders would load pydantic and construct.
"""

import struct
from typing import Protocol

from attrs import define
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.answers import Blockhash
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.destinations import Expected, expected_of
from tillway.adapters.x402.offer import Offering
from tillway.adapters.x402.programs import COMPUTE_BUDGET, MEMO, address, written
from tillway.adapters.x402.requirements import memo_of
from tillway.adapters.x402.transaction import LONGEST
from tillway.core.errors import Code, Declined
from tillway.core.ports.rails import Built, Shown
from tillway.core.quotes import Quote


class KnowsBlockhash(Protocol):
    """A chain that can tell its newest blockhash."""

    async def latest_blockhash(self) -> Blockhash:
        """Give the newest blockhash, at most a second old."""
        ...


@define(kw_only=True)
class Builder:
    """Build sponsored transactions in the old format, which every wallet can sign."""

    config: RailConfig
    chain: KnowsBlockhash
    offering: Offering

    async def build(
        self, quote: Quote, payer: str, sponsor: str | None, authenticator: str, shown: Shown
    ) -> Built:
        """Build it unsigned, with a blockhash of now."""
        wallet = self._sponsor(quote, sponsor)
        return await self.written(quote, self._buyer(payer), wallet, authenticator, shown)

    async def build_own(self, quote: Quote, payer: str, authenticator: str, shown: Shown) -> Built:
        """Build one that the buyer pays the fee of, likewise."""
        buyer = self._buyer(payer)
        return await self.written(quote, buyer, buyer, authenticator, shown)

    async def written(
        self, quote: Quote, buyer: bytes, wallet: bytes, authenticator: str, shown: Shown
    ) -> Built:
        """Write what moves a quote's money from one wallet, with another, or the same, for fees."""
        expected = expected_of(quote, self.config)
        text = memo_of(quote, authenticator, shown, self.config)
        latest = await self.chain.latest_blockhash()
        return Built(
            transaction=self._unsigned(expected, buyer, wallet, text, latest.hash),
            blockhash=str(latest.hash),
            fee_payer=written(wallet),
            last_valid_height=latest.last_valid_height,
        )

    def _buyer(self, payer: str) -> bytes:
        try:
            buyer = address(payer)
        except ValueError as error:
            raise _no_wallet("userWallet is not a public key") from error
        if buyer in self.offering.sponsors.addresses:
            raise _no_wallet("userWallet is one of the gateway's own")
        return buyer

    def _sponsor(self, quote: Quote, wanted: str | None) -> bytes:
        found = self.offering.sponsor_for(quote) if self.config.gasless else None
        if found is None:
            raise Declined(Code.INVALID_FIELD, "gasless transactions not enabled")
        return self._wanted(wanted) if wanted else found

    def _wanted(self, wanted: str) -> bytes:
        try:
            wallet = address(wanted)
        except ValueError as error:
            raise _no_sponsor("is not a public key") from error
        if wallet not in self.offering.sponsors.addresses:
            raise _no_sponsor("is not a wallet of the gateway")
        return wallet

    def _unsigned(
        self, expected: Expected, buyer: bytes, wallet: bytes, text: str, blockhash: Hash
    ) -> bytes:
        limits = self.config.sponsoring
        instructions = [
            set_unit_limit(min(self.config.compute_unit_limit, limits.most_units)),
            set_unit_price(min(self.config.compute_unit_price, limits.most_unit_price)),
            transfer_checked(expected, buyer),
            memo_signed_by(buyer, text),
        ]
        message = bytes(Message.new_with_blockhash(instructions, Pubkey(wallet), blockhash))
        signers = 1 if wallet == buyer else 2
        raw = bytes([signers]) + bytes(Signature.default()) * signers + message
        if len(raw) > LONGEST:
            raise Declined(Code.INVALID_FIELD, "the transaction would be too long")
        return raw


def set_unit_limit(units: int) -> Instruction:
    """Write SetComputeUnitLimit."""
    return Instruction(Pubkey(COMPUTE_BUDGET), struct.pack("<BI", 2, units), [])


def set_unit_price(microlamports: int) -> Instruction:
    """Write SetComputeUnitPrice."""
    return Instruction(Pubkey(COMPUTE_BUDGET), struct.pack("<BQ", 3, microlamports), [])


def transfer_checked(expected: Expected, buyer: bytes) -> Instruction:
    """Write the transfer from the buyer's associated account, by the buyer's authority."""
    token = expected.token
    source = token_account(buyer, token.mint, token.program)
    return Instruction(
        Pubkey(token.program),
        struct.pack("<BQB", 12, expected.amount, token.asset.decimals),
        [
            AccountMeta(Pubkey(source), is_signer=False, is_writable=True),
            AccountMeta(Pubkey(token.mint), is_signer=False, is_writable=False),
            AccountMeta(Pubkey(expected.account), is_signer=False, is_writable=True),
            AccountMeta(Pubkey(buyer), is_signer=True, is_writable=False),
        ],
    )


def memo_signed_by(buyer: bytes, text: str) -> Instruction:
    """Write a memo that names the buyer as its signer."""
    signer = AccountMeta(Pubkey(buyer), is_signer=True, is_writable=False)
    return Instruction(Pubkey(MEMO), text.encode(), [signer])


def _no_wallet(message: str) -> Declined:
    return Declined(Code.INVALID_WALLET, message, field="userWallet")


def _no_sponsor(fault: str) -> Declined:
    return Declined(Code.INVALID_FIELD, f"invalid feePayer: {fault}", field="feePayer")

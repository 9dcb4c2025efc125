"""The buyer's wallet, and the transaction that it signs."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import frozen
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from tillway.entrypoints.buying.words import CannotPay, Challenge

ASSOCIATED_TOKEN: Final = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MEMO: Final = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
_UNITS, _UNIT_PRICE = 20_000, 1
_TRANSFER_CHECKED = 12


@frozen(kw_only=True)
class Token:
    """What a buyer must know of a mint."""

    program: Pubkey
    decimals: int


def read_wallet(file: Path) -> Keypair:
    """Read a wallet as the Solana tools keep it: a JSON array of 64 numbers.

    Raises CannotPay, which shows nothing of the key.
    """
    # Causes are cut off (from None): what they say is made of the secret.
    try:
        return Keypair.from_bytes(bytes(orjson.loads(file.read_bytes())))
    except (ValueError, TypeError):
        raise CannotPay(f"{file} is no wallet: it needs a JSON array of 64 numbers") from None


def sign_payment(challenge: Challenge, token: Token, blockhash: Hash, payer: Keypair) -> bytes:
    """Write and sign the transaction that an exact offer on Solana asks for.

    The layout is that of the official clients: unit limit, unit price, TransferChecked, Memo.
    The fee payer's signature is left out, for the seller to add. Raises CannotPay for
    addresses in the offer that are none.
    """
    sponsor = address(challenge.sponsor)
    instructions = [
        set_compute_unit_limit(_UNITS),
        set_compute_unit_price(_UNIT_PRICE),
        _transfer(challenge.offer, token, payer.pubkey()),
        Instruction(MEMO, challenge.memo.encode(), []),
    ]
    message = MessageV0.try_compile(sponsor, instructions, [], blockhash)
    signature = payer.sign_message(to_bytes_versioned(message))
    return bytes(VersionedTransaction.populate(message, [Signature.default(), signature]))


def address(text: str) -> Pubkey:
    """Read an address of the seller's; CannotPay if it is none."""
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise CannotPay(f"the seller's offer has {text[:64]!r} where an address belongs") from None


def _transfer(offer: Mapping[str, Any], token: Token, payer: Pubkey) -> Instruction:
    mint = address(offer["asset"])
    source = _account(payer, mint, token.program)
    destination = _account(address(offer["payTo"]), mint, token.program)
    data = struct.pack("<BQB", _TRANSFER_CHECKED, int(offer["amount"]), token.decimals)
    accounts = [
        AccountMeta(source, is_signer=False, is_writable=True),
        AccountMeta(mint, is_signer=False, is_writable=False),
        AccountMeta(destination, is_signer=False, is_writable=True),
        AccountMeta(payer, is_signer=True, is_writable=False),
    ]
    return Instruction(token.program, data, accounts)


def _account(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    seeds = [bytes(owner), bytes(program), bytes(mint)]
    return Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN)[0]

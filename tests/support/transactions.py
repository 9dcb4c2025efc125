"""Solana payments for tests, good ones and hostile ones, built without any node.

A `Draft` is a good sponsored payment of five cents; a test changes what it is about.
"""

import base64
import struct
from collections.abc import Sequence
from typing import Final

from attrs import Factory, evolve, field, frozen
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.networks import CAIP2
from tillway.adapters.x402.programs import (
    COMPUTE_BUDGET,
    LIGHTHOUSE,
    MEMO,
    SYSTEM,
    TOKEN_PROGRAMS,
)
from tillway.core.assets import USDC, Asset, Network
from tillway.core.money import Money
from tillway.core.ports.rails import Proof
from tillway.core.quotes import Authenticator, Purpose, Quote
from tillway.core.tenancy import DEFAULT

NETWORK: Final = Network.DEVNET
PRICE: Final = 50_000
ISSUED_AT: Final = 1_800_000_000
EXPIRES_AT: Final = ISSUED_AT + 300
SEALED: Final = "q1.sealed"


def keypair(name: str) -> Keypair:
    """Give the key pair that a name stands for."""
    return Keypair.from_seed(name.encode().ljust(32, b".")[:32])


SPONSOR: Final = keypair("sponsor")
OTHER_SPONSOR: Final = keypair("other sponsor")
BUYER: Final = keypair("buyer")
PAYER: Final = BUYER.pubkey()
SELLER: Final = keypair("seller").pubkey()
STRANGER: Final = keypair("stranger")
BLOCKHASH: Final = Hash(bytes(range(32)))


def quote_of(
    amount: int = PRICE,
    asset: Asset = USDC,
    pay_to: str = str(SELLER),
    purpose: Purpose = Purpose.PURCHASE,
    nonce: bytes = b"nonce",
) -> Quote:
    """Give a quote of this gateway for one article."""
    return Quote(
        network=CAIP2[NETWORK],
        tenant=DEFAULT,
        purpose=purpose,
        resource="article",
        quantity=1,
        inputs={},
        amount=Money(minor=amount, asset=asset),
        pay_to=pay_to,
        coupons=(),
        applied=(),
        principal=None,
        issued_at=ISSUED_AT,
        expires_at=EXPIRES_AT,
        nonce=nonce,
    )


def authenticator_of(quote: Quote) -> str:
    """Give an authenticator for a quote; its MAC is the core's to judge."""
    return str(
        Authenticator(key_id=1, expires_at=quote.expires_at, nonce=quote.nonce, mac=b"eightbit")
    )


MEMO_TEXT: Final = authenticator_of(quote_of())


def at(key: Pubkey | bytes, *, signs: bool = False, writes: bool = False) -> AccountMeta:
    """Name an account of an instruction."""
    return AccountMeta(Pubkey(bytes(key)), is_signer=signs, is_writable=writes)


def unit_limit(units: int = 20_000) -> Instruction:
    """Set the compute unit limit."""
    return Instruction(Pubkey(COMPUTE_BUDGET), struct.pack("<BI", 2, units), [])


def unit_price(microlamports: int = 1) -> Instruction:
    """Set the compute unit price."""
    return Instruction(Pubkey(COMPUTE_BUDGET), struct.pack("<BQ", 3, microlamports), [])


def memo(text: str | bytes = MEMO_TEXT, *signers: Pubkey) -> Instruction:
    """Write a memo, signed or not."""
    data = text.encode() if isinstance(text, str) else text
    return Instruction(Pubkey(MEMO), data, [at(key, signs=True) for key in signers])


def lighthouse(*accounts: AccountMeta) -> Instruction:
    """Assert something, as wallets add it."""
    return Instruction(Pubkey(LIGHTHOUSE), b"\x0a\x01\x02", list(accounts))


def lamports_from(payer: Pubkey, receiver: Pubkey, lamports: int = 1) -> Instruction:
    """Move lamports by the system program."""
    accounts = [at(payer, signs=True, writes=True), at(receiver, writes=True)]
    return Instruction(Pubkey(SYSTEM), struct.pack("<IQ", 2, lamports), accounts)


def advance_nonce(account: Pubkey, authority: Pubkey) -> Instruction:
    """Make the transaction one of a durable nonce."""
    accounts = [at(account, writes=True), at(SYSTEM), at(authority, signs=True)]
    return Instruction(Pubkey(SYSTEM), struct.pack("<I", 4), accounts)


def close_account(account: bytes, receiver: Pubkey, owner: Pubkey) -> Instruction:
    """Close a token account."""
    accounts = [at(account, writes=True), at(receiver, writes=True), at(owner, signs=True)]
    return Instruction(Pubkey(program_of(USDC)), b"\x09", accounts)


def program_of(asset: Asset) -> bytes:
    """Give the program that owns an asset's mint."""
    assert asset.token_program is not None
    return TOKEN_PROGRAMS[asset.token_program]


def mint_of(asset: Asset) -> bytes:
    """Give an asset's mint on the tests' network."""
    return bytes(Pubkey.from_string(asset.mint_on(NETWORK)))


def account_of(owner: Pubkey, asset: Asset = USDC) -> bytes:
    """Give an owner's associated token account."""
    return token_account(bytes(owner), mint_of(asset), program_of(asset))


@frozen(kw_only=True)
class Move:
    """A token transfer, with every part open to change."""

    asset: Asset = USDC
    amount: int = PRICE
    decimals: int = 6
    program: bytes = field(default=Factory(lambda self: program_of(self.asset), takes_self=True))
    mint: bytes = field(default=Factory(lambda self: mint_of(self.asset), takes_self=True))
    authority: Pubkey = PAYER
    source: bytes = field(
        default=Factory(lambda self: account_of(self.authority, self.asset), takes_self=True)
    )
    destination: bytes = field(
        default=Factory(lambda self: account_of(SELLER, self.asset), takes_self=True)
    )
    more: tuple[AccountMeta, ...] = ()
    tail: bytes = b""

    def checked(self) -> Instruction:
        """Write TransferChecked."""
        data = struct.pack("<BQB", 12, self.amount, self.decimals) + self.tail
        accounts = [
            at(self.source, writes=True),
            at(self.mint),
            at(self.destination, writes=True),
            at(self.authority, signs=True),
            *self.more,
        ]
        return Instruction(Pubkey(self.program), data, accounts)

    def plain(self) -> Instruction:
        """Write Transfer."""
        data = struct.pack("<BQ", 3, self.amount) + self.tail
        accounts = [
            at(self.source, writes=True),
            at(self.destination, writes=True),
            at(self.authority, signs=True),
        ]
        return Instruction(Pubkey(self.program), data, accounts)


def wire(
    instructions: Sequence[Instruction],
    signers: Sequence[Keypair],
    *,
    fee_payer: Pubkey,
    legacy: bool = False,
    blockhash: Hash = BLOCKHASH,
) -> bytes:
    """Compile, sign with those keys and leave the other signatures empty."""
    message: Message | MessageV0
    if legacy:
        message = Message.new_with_blockhash(list(instructions), fee_payer, blockhash)
    else:
        message = MessageV0.try_compile(fee_payer, list(instructions), [], blockhash)
    needed = message.account_keys[: message.header.num_required_signatures]
    data = to_bytes_versioned(message)
    known = {pair.pubkey(): pair for pair in signers}
    signatures = [
        known[key].sign_message(data) if key in known else Signature.default() for key in needed
    ]
    return bytes(VersionedTransaction.populate(message, signatures))


def resigned(raw: bytes, *signers: Keypair) -> bytes:
    """Sign changed bytes again; bytes that are no transaction come back as they are."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
    except ValueError:
        return raw
    message = transaction.message
    data = to_bytes_versioned(message)
    known = {pair.pubkey(): pair for pair in signers}
    needed = message.account_keys[: message.header.num_required_signatures]
    signatures = [
        known[key].sign_message(data) if key in known else Signature.default() for key in needed
    ]
    return bytes(VersionedTransaction.populate(message, signatures))


@frozen(kw_only=True)
class Draft:
    """A payment whose fee the sponsor pays, as official clients build it."""

    move: Move = field(factory=Move)
    sponsor: Keypair = SPONSOR
    buyer: Keypair = BUYER
    units: int = 20_000
    price: int = 1
    after: tuple[Instruction, ...] = field(factory=lambda: (memo(),))
    others: tuple[Keypair, ...] = ()
    legacy: bool = False
    blockhash: Hash = BLOCKHASH

    @property
    def instructions(self) -> list[Instruction]:
        """What it does, in order."""
        return [unit_limit(self.units), unit_price(self.price), self.move.checked(), *self.after]

    def raw(self) -> bytes:
        """Give the bytes as a buyer sends them: the sponsor has not signed."""
        return self.running(self.instructions)

    def running(self, instructions: Sequence[Instruction]) -> bytes:
        """Give the bytes of a transaction with other instructions and the same signers."""
        return wire(
            instructions,
            [self.buyer, *self.others],
            fee_payer=self.sponsor.pubkey(),
            legacy=self.legacy,
            blockhash=self.blockhash,
        )

    def but(self, **changes: object) -> "Draft":
        """Give another draft with these changes."""
        return evolve(self, **changes)  # type: ignore[arg-type]  # the names are the fields'


def self_paid(
    instructions: Sequence[Instruction] | None = None,
    *signers: Keypair,
    legacy: bool = False,
    blockhash: Hash = BLOCKHASH,
) -> bytes:
    """Give a payment whose fee the buyer pays; by default a transfer with our memo."""
    what = [Move().checked(), memo()] if instructions is None else instructions
    keys = signers or (BUYER,)
    return wire(what, keys, fee_payer=keys[0].pubkey(), legacy=legacy, blockhash=blockhash)


def proof_of(
    raw: bytes,
    *,
    version: int = 2,
    sponsor: str | None = None,
    sealed: str | None = None,
    address: str = "203.0.113.7",
) -> Proof:
    """Give the neutral proof of some bytes."""
    return Proof(
        rail="x402",
        version=version,
        payload=raw,
        network=CAIP2[NETWORK],
        sealed=sealed,
        sponsor=sponsor,
        address=address,
    )


def base64_of(raw: bytes) -> str:
    """Write bytes as payment payloads carry them."""
    return base64.b64encode(raw).decode()

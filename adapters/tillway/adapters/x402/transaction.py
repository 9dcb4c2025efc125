"""A Solana transaction, read strictly.

solders judges whether the bytes are one (as the runtime would); what they say is then read once,
straight from the message, as the wire format has it: a compact list of 64-byte signatures, a
version byte unless the message is legacy, a 3-byte header, keys, blockhash, instructions.
"""

import hashlib
from functools import lru_cache
from typing import Final

from attrs import field, frozen
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import SanitizeError, VersionedTransaction

from tillway.adapters.x402.programs import SYSTEM
from tillway.adapters.x402.reasons import Reason, refused
from tillway.core.errors import Declined
from tillway.core.payments import PaymentKey

LONGEST: Final = 1232
"""Bytes of a transaction at most: one packet (solana-packet, PACKET_DATA_SIZE)."""

SIGNATURE_BYTES: Final = 64
KEY_BYTES: Final = 32

_V0: Final = 0x80
_ADVANCE_NONCE: Final = (4).to_bytes(4, "little")
"""The system program's AdvanceNonceAccount."""


@frozen
class Instruction:
    """One top-level instruction, with the keys that its indexes stand for."""

    program: bytes
    accounts: tuple[bytes, ...]
    data: bytes


@frozen(kw_only=True)
class Transaction:
    """A transaction whose keys are all in it.

    ``message`` is what was signed, version byte included; ``key`` its sha256, which is what the
    chain runs once. The first ``signers`` keys must sign, the first of them pays the fee.
    """

    raw: bytes = field(repr=False)
    message: bytes = field(repr=False)
    key: PaymentKey
    signatures: tuple[bytes, ...] = field(repr=False)
    keys: tuple[bytes, ...]
    instructions: tuple[Instruction, ...]

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The keys whose signatures it needs, in the order of the signatures."""
        return self.keys[: len(self.signatures)]

    @property
    def fee_payer(self) -> bytes:
        """The key that pays the fee."""
        return self.keys[0]

    @property
    def signature(self) -> str:
        """The signature by which the chain would know it, as it stands in these bytes."""
        return str(Signature(self.signatures[0]))

    def is_signed_by(self, place: int) -> bool:
        """Tell whether the signature in that place is its key's over this message."""
        signature = Signature(self.signatures[place])
        return signature.verify(Pubkey(self.keys[place]), self.message)

    def with_first_signature(self, signature: bytes) -> bytes:
        """Give the wire bytes with another first signature and nothing else changed."""
        return self.raw[:1] + signature + self.raw[1 + SIGNATURE_BYTES :]


@lru_cache(maxsize=512)
def decode(raw: bytes) -> Transaction:
    """Read the bytes of a legacy or v0 transaction.

    Raises Declined for what the runtime would not read, for bytes left over, for a key that
    stands in it twice, for address lookup tables, and for a durable nonce: such a transaction
    never expires, so that no failure of it could ever be proven.
    """
    _require_canonical(raw)
    start = 1 + SIGNATURE_BYTES * raw[0]
    message = raw[start:]
    keys, instructions = _read(message)
    _refuse_durable_nonce(instructions)
    return Transaction(
        raw=raw,
        message=message,
        key=PaymentKey(hashlib.sha256(message).hexdigest()),
        signatures=tuple(
            [raw[at : at + SIGNATURE_BYTES] for at in range(1, start, SIGNATURE_BYTES)]
        ),
        keys=keys,
        instructions=instructions,
    )


def undecodable(message: str = "The transaction could not be decoded.") -> Declined:
    """Make the refusal of bytes that are no transaction, or none that we take."""
    return refused(Reason.UNDECODABLE, message)


def _require_canonical(raw: bytes) -> None:
    # A first byte above 127 announces a format whose signatures stand elsewhere (SIMD-0385).
    if not 0 < len(raw) <= LONGEST or not 0 < raw[0] < _V0:
        raise undecodable()
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except (ValueError, SanitizeError) as error:
        raise undecodable() from error
    if bytes(transaction) != raw:
        raise undecodable("Other bytes follow the transaction.")


def _read(message: bytes) -> tuple[tuple[bytes, ...], tuple[Instruction, ...]]:
    versioned = message[0] >= _V0
    count, at = _compact(message, 4 if versioned else 3)
    end = at + KEY_BYTES * count
    keys = tuple([message[place : place + KEY_BYTES] for place in range(at, end, KEY_BYTES)])
    if len(set(keys)) < count:
        raise undecodable("The transaction names an account twice.")
    try:
        instructions, end = _instructions(message, end + KEY_BYTES, keys)
    except IndexError:
        raise _has_tables() from None
    if versioned and message[end]:
        raise _has_tables()
    return keys, instructions


def _has_tables() -> Declined:
    # A place beyond the keys is one in a table: any other would not have been sanitary.
    return undecodable("Address lookup tables are not accepted.")


def _instructions(
    message: bytes, at: int, keys: tuple[bytes, ...]
) -> tuple[tuple[Instruction, ...], int]:
    count, at = _compact(message, at)
    found = []
    for _ in range(count):
        program = keys[message[at]]
        length, at = _compact(message, at + 1)
        accounts = tuple([keys[place] for place in message[at : at + length]])
        length, at = _compact(message, at + length)
        found.append(Instruction(program, accounts, message[at : at + length]))
        at += length
    return tuple(found), at


def _compact(message: bytes, at: int) -> tuple[int, int]:
    # compact-u16; two bytes are enough for whatever fits into 1232.
    low = message[at]
    if low < _V0:
        return low, at + 1
    return (low & 0x7F) | message[at + 1] << 7, at + 2


def _refuse_durable_nonce(instructions: tuple[Instruction, ...]) -> None:
    for one in instructions:
        if one.program == SYSTEM and one.data[:4] == _ADVANCE_NONCE:
            raise refused(Reason.INVALID_STATE, "Durable nonces are not accepted.")

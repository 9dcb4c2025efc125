"""Transactions: decoding as Agave's RPC does it, identity, fees, lookup tables."""

import hashlib
import struct
from typing import Final

from attrs import frozen
from solders.address_lookup_table_account import AddressLookupTable
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.message import Message, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import SanitizeError, VersionedTransaction

from tillway.entrypoints.sandbox.chain.programs import COMPUTE_BUDGET
from tillway.entrypoints.sandbox.chain.wire import base58_bytes, base64_bytes, invalid

AnyMessage = Message | MessageV0

PACKET: Final = 1232  # bytes of the largest transaction
_ENCODED: Final = {"base58": 1683, "base64": 1644}  # a packet's longest text
_TYPE: Final = "solana_transaction::versioned::VersionedTransaction"
_BASE_FEE: Final = 5_000  # lamports a signature
_MAX_UNITS: Final = 1_400_000
_UNITS_AN_INSTRUCTION: Final = 200_000


def decode(text: str, encoding: str) -> VersionedTransaction:
    """Decode a sane legacy or v0 transaction, or the refusal that a node would give."""
    if encoding not in _ENCODED:
        raise invalid(f"unsupported encoding: {encoding}. Supported encodings: base58, base64")
    if len(text) > _ENCODED[encoding]:
        limits = f"(max: encoded/raw {_ENCODED[encoding]}/{PACKET})"
        raise invalid(f"{encoding} encoded {_TYPE} too large: {len(text)} bytes {limits}")
    return from_wire(base64_bytes(text) if encoding == "base64" else base58_bytes(text))


def from_wire(wire: bytes) -> VersionedTransaction:
    """Decode a sane legacy or v0 transaction from its bytes."""
    if len(wire) > PACKET:
        raise invalid(f"decoded {_TYPE} too large: {len(wire)} bytes (max: {PACKET} bytes)")
    try:
        transaction = VersionedTransaction.from_bytes(wire)
        transaction.sanitize()
    except SanitizeError as error:
        raise invalid(f"invalid transaction: {error}") from error
    except ValueError as error:
        raise invalid(f"failed to deserialize {_TYPE}: {error}") from error
    message_of(transaction)
    return transaction


def message_of(transaction: VersionedTransaction) -> AnyMessage:
    """Take out the message, which is of a version that clusters run."""
    message = transaction.message
    if not isinstance(message, Message | MessageV0):
        raise invalid("invalid transaction: Transaction version is unsupported")
    return message


def message_key(transaction: VersionedTransaction) -> bytes:
    """Identify what the chain runs once: the message, under whichever signatures."""
    return hashlib.sha256(to_bytes_versioned(transaction.message)).digest()


def signed(transaction: VersionedTransaction) -> bool:
    """Whether every required signature is there and right."""
    try:
        return all(transaction.verify_with_results())
    except (SanitizeError, ValueError):
        return False


def is_signer(message: AnyMessage, index: int) -> bool:
    """Tell whether the account at this index signs."""
    return index < message.header.num_required_signatures


def is_writable(message: AnyMessage, index: int) -> bool:
    """Tell whether the account at this index of the message's own may be written."""
    header, signers = message.header, message.header.num_required_signatures
    if index < signers:
        return index < signers - header.num_readonly_signed_accounts
    return index < len(message.account_keys) - header.num_readonly_unsigned_accounts


def with_blockhash(transaction: VersionedTransaction, blockhash: Hash) -> VersionedTransaction:
    """Put the same transaction on another blockhash; its signatures no longer fit."""
    message = message_of(transaction)
    header = message.header
    if isinstance(message, MessageV0):
        keys, lookups = message.account_keys, message.address_table_lookups
        fresh: AnyMessage = MessageV0(header, keys, blockhash, message.instructions, lookups)
    else:
        fresh = Message.new_with_compiled_instructions(
            header.num_required_signatures,
            header.num_readonly_signed_accounts,
            header.num_readonly_unsigned_accounts,
            message.account_keys,
            blockhash,
            message.instructions,
        )
    return VersionedTransaction.populate(fresh, transaction.signatures)


def fee(message: AnyMessage) -> int:
    """Lamports that landing costs: signatures, and the priority that was asked for."""
    limit, price, others = None, 0, 0
    keys = message.account_keys
    for instruction in message.instructions:
        data = bytes(instruction.data)
        if keys[instruction.program_id_index] != COMPUTE_BUDGET:
            others += 1
        elif data[:1] == b"\x02" and len(data) >= 5:
            (limit,) = struct.unpack_from("<I", data, 1)
        elif data[:1] == b"\x03" and len(data) >= 9:
            (price,) = struct.unpack_from("<Q", data, 1)
    units = min(_UNITS_AN_INSTRUCTION * others if limit is None else limit, _MAX_UNITS)
    priority = -(-units * price // 1_000_000)
    return _BASE_FEE * message.header.num_required_signatures + priority


@frozen(kw_only=True)
class Keys:
    """Every account of a message: named in it, then loaded from lookup tables."""

    static: tuple[Pubkey, ...]
    writable: tuple[Pubkey, ...] = ()
    readonly: tuple[Pubkey, ...] = ()

    @property
    def all(self) -> tuple[Pubkey, ...]:
        """In the order of the message's indexes."""
        return self.static + self.writable + self.readonly


def keys_of(message: AnyMessage, vm: LiteSVM) -> Keys:
    """List the accounts; tables that cannot be read give none (the VM then refuses the message)."""
    static = tuple(message.account_keys)
    if isinstance(message, Message) or not message.address_table_lookups:
        return Keys(static=static)
    writable: list[Pubkey] = []
    readonly: list[Pubkey] = []
    for lookup in message.address_table_lookups:
        addresses = _table(vm, lookup.account_key)
        writable += [addresses[i] for i in lookup.writable_indexes if i < len(addresses)]
        readonly += [addresses[i] for i in lookup.readonly_indexes if i < len(addresses)]
    return Keys(static=static, writable=tuple(writable), readonly=tuple(readonly))


def _table(vm: LiteSVM, address: Pubkey) -> list[Pubkey]:
    account = vm.get_account(address)
    if account is None:
        return []
    try:
        return list(AddressLookupTable.deserialize(bytes(account.data)).addresses)
    except ValueError:
        return []

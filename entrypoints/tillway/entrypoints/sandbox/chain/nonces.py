"""Durable nonces: transactions that stand on an account's value instead of a blockhash.

Source of the layout and rules: Solana's solana-nonce crate and SystemInstruction.
"""

import hashlib
import struct
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from tillway.entrypoints.sandbox.chain.programs import SYSTEM
from tillway.entrypoints.sandbox.chain.transactions import message_of

SIZE: Final = 80  # version, state, authority, nonce, lamports a signature
_INITIALIZED: Final = 1
_NONCE: Final = slice(40, 72)


def stands(transaction: VersionedTransaction, vm: LiteSVM) -> bool:
    """Whether its blockhash is the present value of the nonce that it advances."""
    address = _account_of(transaction)
    account = None if address is None else vm.get_account(address)
    value = None if account is None else value_of(account)
    return value is not None and value == transaction.message.recent_blockhash


def value_of(account: Account) -> Hash | None:
    """Give the value that the next transaction may stand on."""
    data = bytes(account.data)
    if account.owner != SYSTEM or len(data) != SIZE:
        return None
    (state,) = struct.unpack_from("<I", data, 4)
    return Hash(data[_NONCE]) if state == _INITIALIZED else None


def advance(transaction: VersionedTransaction, vm: LiteSVM, blockhash: Hash) -> None:
    """Move the nonce on after a failure, which the VM rolls back and a cluster does not."""
    address = _account_of(transaction)
    account = None if address is None else vm.get_account(address)
    if address is None or account is None or value_of(account) is None:
        return
    data = bytes(account.data)
    fresh = hashlib.sha256(b"DURABLE_NONCE" + bytes(blockhash)).digest()
    changed = data[: _NONCE.start] + fresh + data[_NONCE.stop :]
    vm.set_account(address, Account(account.lamports, changed, account.owner))


def _account_of(transaction: VersionedTransaction) -> Pubkey | None:
    if not transaction.uses_durable_nonce():
        return None
    message = message_of(transaction)
    accounts = bytes(message.instructions[0].accounts)
    inside = bool(accounts) and accounts[0] < len(message.account_keys)
    return message.account_keys[accounts[0]] if inside else None

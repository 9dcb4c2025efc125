"""The rules for a transaction whose fee a wallet of ours pays.

They are those of x402's "exact" scheme on Solana, and stricter: whatever our key signs must be
able to cost us a bounded fee and nothing else.
"""

import struct
from collections.abc import Container, Sequence
from typing import Final

from attrs import frozen

from tillway.adapters.x402.config import Sponsoring, fee
from tillway.adapters.x402.destinations import Expected
from tillway.adapters.x402.programs import COMPUTE_BUDGET, LIGHTHOUSE, MEMO
from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.rules import (
    require_amount,
    require_destination,
    require_signatures,
    require_token,
)
from tillway.adapters.x402.transaction import Instruction, Transaction
from tillway.adapters.x402.transfer import Transfer, read_checked

FEWEST_INSTRUCTIONS: Final = 3
MOST_INSTRUCTIONS: Final = 7
TRANSFER_PLACE: Final = 2
SIGNERS: Final = 2

_UNIT_LIMIT: Final = struct.Struct("<BI")
_UNIT_PRICE: Final = struct.Struct("<BQ")
_SET_UNIT_LIMIT: Final = 2
_SET_UNIT_PRICE: Final = 3
_UNKNOWN: Final = (
    Reason.UNKNOWN_FOURTH,
    Reason.UNKNOWN_FIFTH,
    Reason.UNKNOWN_SIXTH,
    Reason.UNKNOWN_SEVENTH,
)


@frozen
class Sponsored:
    """A transaction that a wallet of ours may sign; ``lamports`` is what that costs it."""

    transfer: Transfer
    lamports: int


def verify(
    transaction: Transaction,
    expected: Expected,
    *,
    ours: Container[bytes],
    named: bytes | None,
    limits: Sponsoring,
) -> Sponsored:
    """Refuse everything but a payment of exactly what is expected.

    ``ours`` are our wallets, ``named`` is the fee payer that the proof names, if it names one.
    Raises Declined with the reason of the first rule that is broken.
    """
    transfer = read_layout(transaction.instructions)
    lamports = _cost(transaction, limits)
    _require_fee_payer(transaction, ours, named)
    _require_isolation(transaction)
    _require_signers(transaction, transfer, ours)
    require_token(transfer, expected)
    require_destination(transfer, expected)
    require_amount(transfer, expected)
    require_signatures(transaction, first=1)
    return Sponsored(transfer, lamports)


def read_layout(instructions: Sequence[Instruction]) -> Transfer:
    """Read the transfer of a transaction that has the instructions it must have, and no others."""
    if not FEWEST_INSTRUCTIONS <= len(instructions) <= MOST_INSTRUCTIONS:
        raise refused(Reason.LENGTH)
    if not _is_budget(instructions[0], _UNIT_LIMIT, _SET_UNIT_LIMIT):
        raise refused(Reason.UNIT_LIMIT)
    if not _is_budget(instructions[1], _UNIT_PRICE, _SET_UNIT_PRICE):
        raise refused(Reason.UNIT_PRICE)
    transfer = read_checked(TRANSFER_PLACE, instructions[TRANSFER_PLACE])
    if transfer is None:
        raise refused(Reason.NO_TRANSFER)
    for one, reason in zip(instructions[TRANSFER_PLACE + 1 :], _UNKNOWN, strict=False):
        if one.program not in (LIGHTHOUSE, MEMO):
            raise refused(reason)
    return transfer


def _is_budget(instruction: Instruction, layout: struct.Struct, kind: int) -> bool:
    data = instruction.data
    return instruction.program == COMPUTE_BUDGET and len(data) == layout.size and data[0] == kind


def _cost(transaction: Transaction, limits: Sponsoring) -> int:
    _, units = _UNIT_LIMIT.unpack(transaction.instructions[0].data)
    _, price = _UNIT_PRICE.unpack(transaction.instructions[1].data)
    if units > limits.most_units:
        raise refused(Reason.UNIT_LIMIT_HIGH)
    lamports = fee(len(transaction.signatures), units, price)
    if price > limits.most_unit_price or lamports > limits.most_lamports:
        raise refused(Reason.UNIT_PRICE_HIGH)
    return lamports


def _require_fee_payer(
    transaction: Transaction, ours: Container[bytes], named: bytes | None
) -> None:
    if transaction.fee_payer not in ours or (named is not None and named not in ours):
        raise refused(Reason.FEE_PAYER_UNKNOWN)
    if named is not None and transaction.fee_payer != named:
        raise refused(Reason.FEE_PAYER_MISMATCH)


def _require_isolation(transaction: Transaction) -> None:
    # Where the fee payer is no account of an instruction, no program can spend in its name.
    payer = transaction.fee_payer
    for one in transaction.instructions:
        if one.program == payer or payer in one.accounts:
            raise refused(Reason.FEE_PAYER_SPENDS)


def _require_signers(transaction: Transaction, transfer: Transfer, ours: Container[bytes]) -> None:
    signers = transaction.signers
    if transfer.authority in ours:
        raise refused(Reason.FEE_PAYER_SPENDS)
    if len(signers) > SIGNERS:
        raise refused(Reason.SIGNERS)
    if len(signers) < SIGNERS or signers[1] != transfer.authority:
        raise refused(Reason.SIGNATURE)

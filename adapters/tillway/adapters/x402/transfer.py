"""The token transfer that is the payment.

Layouts are spl-token's: TransferChecked is 12, u64 amount, u8 decimals over source, mint,
destination, authority; Transfer is 3, u64 amount over source, destination, authority.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from tillway.adapters.x402.programs import TOKEN, TOKEN_2022
from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.transaction import Instruction

_TRANSFER: Final = 3
_TRANSFER_CHECKED: Final = 12
_KINDS: Final = (bytes([_TRANSFER]), bytes([_TRANSFER_CHECKED]))
_PLAIN: Final = struct.Struct("<BQ")
_CHECKED: Final = struct.Struct("<BQB")


@frozen
class Transfer:
    """Minor units on their way. ``mint`` and ``decimals`` are None where it does not name them.

    ``place`` is the instruction's index in its transaction.
    """

    place: int
    program: bytes
    source: bytes
    destination: bytes
    authority: bytes
    amount: int
    mint: bytes | None = None
    decimals: int | None = None


def read_checked(place: int, instruction: Instruction) -> Transfer | None:
    """Read a TransferChecked of either token program, of exactly its length; None if it is none."""
    data, accounts, program = instruction.data, instruction.accounts, instruction.program
    if program not in (TOKEN, TOKEN_2022) or len(data) != _CHECKED.size or len(accounts) < 4:
        return None
    kind, amount, decimals = _CHECKED.unpack(data)
    if kind != _TRANSFER_CHECKED:
        return None
    source, mint, destination, authority = accounts[:4]
    return Transfer(place, program, source, destination, authority, amount, mint, decimals)


def read_plain(place: int, instruction: Instruction) -> Transfer | None:
    """Read a Transfer likewise."""
    data, accounts, program = instruction.data, instruction.accounts, instruction.program
    if program not in (TOKEN, TOKEN_2022) or len(data) != _PLAIN.size or len(accounts) < 3:
        return None
    kind, amount = _PLAIN.unpack(data)
    if kind != _TRANSFER:
        return None
    source, destination, authority = accounts[:3]
    return Transfer(place, program, source, destination, authority, amount)


def transfers(instructions: Sequence[Instruction]) -> Iterator[Transfer]:
    """Go through the transfers of a transaction in their order.

    Raises Declined for one of another length: token programs run it all the same, ignoring
    what follows, so that money would move unseen.
    """
    for place, one in enumerate(instructions):
        if one.program not in (TOKEN, TOKEN_2022):
            continue
        found = read_checked(place, one) or read_plain(place, one)
        if found is not None:
            yield found
        elif one.data[:1] in _KINDS:
            raise refused(Reason.NO_TRANSFER, "A token transfer is malformed.")

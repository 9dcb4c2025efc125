"""What nodes answer, read strictly: an answer of another shape is no answer.

The shapes are those of Solana's JSON-RPC reference (agave 2.x and 3.x). A missing ``err`` is
never taken for a null one, and no value is guessed.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from attrs import field, frozen
from solders.hash import Hash
from solders.pubkey import Pubkey

_U64: Final = 2**64
_MISSING: Final = object()


class Misshapen(ValueError):
    """An answer has not the shape that its method promises."""


class Level(StrEnum):
    """How firmly the cluster holds a block; in rising order."""

    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"

    def reaches(self, other: "Level") -> bool:
        """Tell whether this is at least as firm."""
        ladder = tuple(Level)
        return ladder.index(self) >= ladder.index(other)


@frozen(kw_only=True)
class Status:
    """What a node knows of a signature. ``err`` None means executed without an error."""

    slot: int
    err: object | None
    level: Level


@frozen(kw_only=True)
class Statuses:
    """One answer about several signatures, in the order asked. ``slot`` is the node's."""

    slot: int
    values: tuple[Status | None, ...]


@frozen(kw_only=True)
class Blockhash:
    """A recent blockhash and the last block height at which it is good."""

    hash: Hash
    last_valid_height: int
    slot: int


@frozen(kw_only=True)
class Tip:
    """The newest block at a commitment: its slot and its height."""

    slot: int
    height: int


@frozen(kw_only=True)
class Account:
    """An account's owner program, balance and bytes."""

    owner: Pubkey
    lamports: int
    data: bytes = field(repr=False)


@frozen(kw_only=True)
class Accounts:
    """One answer about several accounts, in the order asked; None where there is none."""

    slot: int
    values: tuple[Account | None, ...]


@frozen(kw_only=True)
class Simulation:
    """What would happen. ``accounts`` is the state after it, in the order asked."""

    err: object | None
    logs: tuple[str, ...]
    units: int | None
    slot: int
    accounts: tuple[Account | None, ...] = ()


@frozen(kw_only=True)
class Landed:
    """A transaction that is on the chain. ``block_time`` is in seconds since 1970, if known.

    ``owners`` are the wallets that its token accounts belonged to before it, by the accounts'
    places among its keys, as far as the node tells.
    """

    slot: int
    block_time: int | None
    err: object | None
    owners: Mapping[int, Pubkey] = {}


def whole(value: object) -> int:
    """Read an unsigned 64-bit number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _U64:
        return value
    raise Misshapen("not a number")


def text(value: object) -> str:
    """Read a text."""
    if isinstance(value, str):
        return value
    raise Misshapen("not a text")


def member(value: object, name: str) -> object:
    """Read a member that must be there, null or not."""
    found = value.get(name, _MISSING) if isinstance(value, Mapping) else _MISSING
    if found is _MISSING:
        raise Misshapen(f"no {name}")
    return found


def items(value: object, count: int) -> Sequence[object]:
    """Read a list of exactly that many."""
    if isinstance(value, list) and len(value) == count:
        return value
    raise Misshapen("not a list of the length asked for")


def context_slot(value: object) -> int:
    """Read the slot at which a node answered."""
    return whole(member(member(value, "context"), "slot"))


def pubkey(value: object) -> Pubkey:
    """Read a base58 public key."""
    try:
        return Pubkey.from_string(text(value))
    except ValueError as error:
        raise Misshapen("not a public key") from error


def statuses(value: object, count: int) -> Statuses:
    """Read getSignatureStatuses."""
    values = items(member(value, "value"), count)
    read = tuple(None if one is None else _status(one) for one in values)
    return Statuses(slot=context_slot(value), values=read)


def _status(value: object) -> Status:
    err = member(value, "err")
    _agree(value, err)
    return Status(slot=whole(member(value, "slot")), err=err, level=_level(value))


def _agree(value: object, err: object) -> None:
    # The older member ``status`` says the same; a node that contradicts itself said nothing.
    older = value.get("status") if isinstance(value, Mapping) else None
    if isinstance(older, Mapping) and ("Err" in older) != (err is not None):
        raise Misshapen("err and status disagree")


def _level(value: object) -> Level:
    told = member(value, "confirmationStatus")
    if told is None:
        return Level.PROCESSED
    try:
        return Level(text(told))
    except ValueError as error:
        raise Misshapen("not a commitment") from error


def blockhash(value: object) -> Blockhash:
    """Read getLatestBlockhash."""
    inner = member(value, "value")
    try:
        digest = Hash.from_string(text(member(inner, "blockhash")))
    except ValueError as error:
        raise Misshapen("not a hash") from error
    last = whole(member(inner, "lastValidBlockHeight"))
    return Blockhash(hash=digest, last_valid_height=last, slot=context_slot(value))


def account(value: object) -> Account | None:
    """Read an account in base64, or null."""
    if value is None:
        return None
    data, encoding = items(member(value, "data"), 2)
    if encoding != "base64":
        raise Misshapen("not base64")
    try:
        raw = base64.b64decode(text(data), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Misshapen("not base64") from error
    owner, lamports = pubkey(member(value, "owner")), whole(member(value, "lamports"))
    return Account(owner=owner, lamports=lamports, data=raw)


def accounts(value: object, count: int) -> Accounts:
    """Read getMultipleAccounts."""
    values = items(member(value, "value"), count)
    return Accounts(slot=context_slot(value), values=tuple(account(one) for one in values))


def simulation(value: object, count: int) -> Simulation:
    """Read simulateTransaction, with the accounts asked for."""
    inner = member(value, "value")
    units = inner.get("unitsConsumed") if isinstance(inner, Mapping) else None
    return Simulation(
        err=member(inner, "err"),
        logs=_logs(member(inner, "logs")),
        units=None if units is None else whole(units),
        slot=context_slot(value),
        accounts=_simulated(inner, count),
    )


def _simulated(inner: object, count: int) -> tuple[Account | None, ...]:
    if count == 0:
        return ()
    told = member(inner, "accounts")
    if told is None and member(inner, "err") is not None:
        return (None,) * count
    return tuple(account(one) for one in items(told, count))


def _logs(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(text(line) for line in value)
    raise Misshapen("logs are not a list")


def landed(value: object) -> Landed | None:
    """Read getTransaction."""
    if value is None:
        return None
    time, meta = member(value, "blockTime"), member(value, "meta")
    return Landed(
        slot=whole(member(value, "slot")),
        block_time=None if time is None else whole(time),
        err=member(meta, "err"),
        owners=_owners(meta),
    )


def _owners(meta: object) -> Mapping[int, Pubkey]:
    # Nodes that kept no balances leave the member out, or null.
    held = meta.get("preTokenBalances") if isinstance(meta, Mapping) else None
    if not isinstance(held, list):
        return {}
    told = {whole(member(one, "accountIndex")): one.get("owner") for one in held}
    return {place: pubkey(owner) for place, owner in told.items() if owner is not None}


def balance(value: object) -> int:
    """Read getBalance."""
    context_slot(value)
    return whole(member(value, "value"))


def tip(value: object) -> Tip:
    """Read getEpochInfo. No block is higher than its slot."""
    found = Tip(
        slot=whole(member(value, "absoluteSlot")), height=whole(member(value, "blockHeight"))
    )
    if found.height > found.slot:
        raise Misshapen("a block higher than its slot")
    return found

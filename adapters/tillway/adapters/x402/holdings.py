"""What the token accounts of a landed transaction held before it and after it."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from tillway.adapters.x402.answers import Misshapen, member, pubkey, text, whole
from tillway.adapters.x402.mentions import wire


@frozen(kw_only=True)
class Held:
    """What a token account held of a mint, and whose it was, as far as the node tells."""

    account: Pubkey
    mint: Pubkey
    owner: Pubkey | None
    amount: int


@frozen(kw_only=True)
class Holdings:
    """What the token accounts of a transaction held before it and after it."""

    before: tuple[Held, ...]
    after: tuple[Held, ...]


def holdings(value: object) -> Holdings | None:
    """Read the token balances of getTransaction."""
    raw = wire(value)
    if raw is None:
        return None
    meta = member(value, "meta")
    keys = _keys(raw, meta)
    return Holdings(
        before=_held(meta, "preTokenBalances", keys), after=_held(meta, "postTokenBalances", keys)
    )


def _keys(raw: bytes, meta: object) -> Sequence[Pubkey]:
    """Give a transaction's accounts: those of its message, then those from lookup tables."""
    try:
        message = VersionedTransaction.from_bytes(raw).message
    except ValueError as error:
        raise Misshapen("not a transaction") from error
    loaded = meta.get("loadedAddresses") if isinstance(meta, Mapping) else None
    if not isinstance(loaded, Mapping):
        return message.account_keys
    parts = (loaded.get("writable"), loaded.get("readonly"))
    return [*message.account_keys, *(pubkey(one) for part in parts for one in part or ())]


def _held(meta: object, name: str, keys: Sequence[Pubkey]) -> tuple[Held, ...]:
    told = meta.get(name) if isinstance(meta, Mapping) else None
    if not isinstance(told, list):
        raise Misshapen("no token balances")
    return tuple(_holding(one, keys) for one in told)


def _holding(value: object, keys: Sequence[Pubkey]) -> Held:
    place = whole(member(value, "accountIndex"))
    if place >= len(keys):
        raise Misshapen("an account that is not there")
    amount = text(member(member(value, "uiTokenAmount"), "amount"))
    if not amount.isascii() or not amount.isdigit():
        raise Misshapen("not an amount")
    owner = value.get("owner") if isinstance(value, Mapping) else None
    return Held(
        account=keys[place],
        mint=pubkey(member(value, "mint")),
        owner=None if owner is None else pubkey(owner),
        amount=int(amount),
    )

"""SPL Token accounts and mints, read and written as the bytes that the programs keep."""

import struct
from typing import Final

from attrs import frozen
from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount, TokenAccountState

from tillway.entrypoints.sandbox.chain.programs import TOKEN_2022, TOKEN_PROGRAMS

MINT_SIZE: Final = 82
ACCOUNT_SIZE: Final = 165
_KIND_MINT: Final = 1
_KIND_ACCOUNT: Final = 2
_STATES: Final = ("uninitialized", "initialized", "frozen")
_NAMED_EXTENSIONS: Final = {7: "immutableOwner", 8: "memoTransfer", 13: "nonTransferableAccount"}
# Token-2022's associated accounts carry one extension, ImmutableOwner, with no content:
# the account type, then type 7 and length 0.
_IMMUTABLE_OWNER: Final = struct.pack("<BHH", _KIND_ACCOUNT, 7, 0)


@frozen(kw_only=True)
class TokenState:
    """A token account as its first 165 bytes say."""

    mint: Pubkey
    owner: Pubkey
    amount: int
    state: str
    delegate: Pubkey | None
    delegated: int
    native: int | None
    close_authority: Pubkey | None
    extensions: tuple[int, ...]


@frozen(kw_only=True)
class MintState:
    """A mint as its first 82 bytes say."""

    supply: int
    decimals: int
    initialized: bool
    authority: Pubkey | None
    freeze_authority: Pubkey | None


def is_token_account(account: Account) -> bool:
    """Whether a token program owns it and it is no mint."""
    return account.owner in TOKEN_PROGRAMS and _kind(bytes(account.data)) == _KIND_ACCOUNT


def is_mint(account: Account) -> bool:
    """Whether a token program owns it as a mint."""
    return account.owner in TOKEN_PROGRAMS and _kind(bytes(account.data)) == _KIND_MINT


def _kind(data: bytes) -> int:
    if len(data) == MINT_SIZE:
        return _KIND_MINT
    if len(data) == ACCOUNT_SIZE:
        return _KIND_ACCOUNT
    # Extended accounts are padded to 165 bytes, then say what they are.
    return data[ACCOUNT_SIZE] if len(data) > ACCOUNT_SIZE else 0


def holding(data: bytes) -> tuple[bytes, bytes, int]:
    """Mint, owner and amount: all that balances need, at a tenth of the cost."""
    return data[:32], data[32:64], int.from_bytes(data[64:72], "little")


def token_state(account: Account) -> TokenState:
    """Read a token account (is_token_account must hold)."""
    data = bytes(account.data)
    state = data[108]
    return TokenState(
        mint=Pubkey(data[:32]),
        owner=Pubkey(data[32:64]),
        amount=int.from_bytes(data[64:72], "little"),
        delegate=_option(data, 72),
        state=_STATES[state] if state < len(_STATES) else _STATES[0],
        native=int.from_bytes(data[113:121], "little") if data[109] else None,
        delegated=int.from_bytes(data[121:129], "little"),
        close_authority=_option(data, 129),
        extensions=_extensions(data),
    )


def mint_state(account: Account) -> MintState:
    """Read a mint (is_mint must hold)."""
    data = bytes(account.data)
    return MintState(
        authority=_option(data, 0),
        supply=int.from_bytes(data[36:44], "little"),
        decimals=data[44],
        initialized=bool(data[45]),
        freeze_authority=_option(data, 46),
    )


def _option(data: bytes, at: int) -> Pubkey | None:
    return Pubkey(data[at + 4 : at + 36]) if data[at] else None


def _extensions(data: bytes) -> tuple[int, ...]:
    found, at = [], ACCOUNT_SIZE + 1
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, at)
        if not kind:
            break
        found.append(kind)
        at += 4 + size
    return tuple(found)


def extension_name(kind: int) -> str:
    """As Agave's account decoder names it."""
    return _NAMED_EXTENSIONS.get(kind, "unparseableExtension")


def token_bytes(owner: Pubkey, mint: Pubkey, amount: int, program: Pubkey) -> bytes:
    """Make a new associated account's data."""
    account = TokenAccount(
        mint=mint,
        owner=owner,
        amount=amount,
        delegate=None,
        state=TokenAccountState.Initialized,
        is_native=None,
        delegated_amount=0,
        close_authority=None,
    )
    return bytes(account) + (_IMMUTABLE_OWNER if program == TOKEN_2022 else b"")


def mint_bytes(supply: int, decimals: int, authority: Pubkey | None) -> bytes:
    """Make a new mint's data; the authority may also freeze."""
    mint = Mint(
        mint_authority=authority,
        supply=supply,
        decimals=decimals,
        is_initialized=True,
        freeze_authority=authority,
    )
    return bytes(mint)


def with_amount(data: bytes, at: int, change: int) -> bytes:
    """Change the u64 at this place of the data by so much."""
    value = int.from_bytes(data[at : at + 8], "little") + change
    if not 0 <= value < 2**64:
        raise ValueError("the amount leaves the range of u64")
    return data[:at] + value.to_bytes(8, "little") + data[at + 8 :]

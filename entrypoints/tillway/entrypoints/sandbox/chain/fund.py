"""Money out of nothing: what a faucet would give, without a transaction."""

from solders.account import Account
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain import tokens
from tillway.entrypoints.sandbox.chain.programs import SYSTEM, associated
from tillway.entrypoints.sandbox.chain.svm import Chain

_SUPPLY_AT = 36
_AMOUNT_AT = 64


def fund(
    chain: Chain,
    owner: Pubkey,
    mint: Pubkey | None = None,
    amount: int = 0,
    lamports: int = 0,
) -> Pubkey | None:
    """Add lamports to a wallet, and minor units of a mint to its associated account.

    The token account is made when missing (also for an amount of 0) and returned; the
    mint's supply grows by the amount. Raises ValueError for what is no mint or a negative
    or overflowing sum, and then has changed nothing.
    """
    if amount < 0 or lamports < 0:
        raise ValueError("amounts are not negative")
    if not mint:
        _give_lamports(chain, owner, lamports)
        return None
    account = chain.account(mint)
    if account is None or not tokens.is_mint(account):
        raise ValueError(f"{mint} is not a mint on this chain")
    supply = tokens.with_amount(bytes(account.data), _SUPPLY_AT, amount)
    _give_lamports(chain, owner, lamports)
    holding = _give_tokens(chain, owner, mint, account.owner, amount)
    chain.put(mint, Account(account.lamports, supply, account.owner))
    return holding


def _give_lamports(chain: Chain, owner: Pubkey, lamports: int) -> None:
    found = chain.account(owner) or Account(0, b"", SYSTEM)
    if found.lamports + lamports >= 2**64:
        raise ValueError("the lamports leave the range of u64")
    if lamports:
        fresh = Account(found.lamports + lamports, bytes(found.data), found.owner, found.executable)
        chain.put(owner, fresh)


def _give_tokens(chain: Chain, owner: Pubkey, mint: Pubkey, program: Pubkey, amount: int) -> Pubkey:
    address = associated(owner, mint, program)
    found = chain.account(address)
    if found is None or not tokens.is_token_account(found):
        data = tokens.token_bytes(owner, mint, amount, program)
        chain.put(address, Account(chain.rent(len(data)), data, program))
    else:
        data = tokens.with_amount(bytes(found.data), _AMOUNT_AT, amount)
        chain.put(address, Account(found.lamports, data, found.owner))
    return address

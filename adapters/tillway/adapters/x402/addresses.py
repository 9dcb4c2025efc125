"""Addresses that clients ask for: where a wallet keeps a token."""

from collections.abc import Iterable

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.config import Token
from tillway.adapters.x402.programs import TOKEN, address, written
from tillway.core.errors import Code, Declined


def account_of(owner: str, mint: str, tokens: Iterable[Token]) -> str:
    """Give the associated token account of a wallet for a mint.

    Its token program is that of the token where we know it, and else the first one, as it is
    for nearly all. Raises Declined for what are no addresses.
    """
    wallet = _address(owner, Code.INVALID_WALLET, "owner")
    token = _address(mint, Code.INVALID_TOKEN_MINT, "mint")
    programs = {each.mint: each.program for each in tokens}
    return written(token_account(wallet, token, programs.get(token, TOKEN)))


def _address(text: str, code: Code, field: str) -> bytes:
    try:
        return address(text)
    except ValueError as error:
        raise Declined(code, f"{field} is not an address", field=field) from error

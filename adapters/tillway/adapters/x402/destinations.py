"""Where a quote's money goes: worked out from our own words, never from a buyer's."""

from functools import lru_cache

from attrs import frozen

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.config import RailConfig, Token
from tillway.adapters.x402.programs import address
from tillway.adapters.x402.reasons import Reason, refused
from tillway.core.quotes import Purpose, Quote


@frozen(kw_only=True)
class Expected:
    """What must happen on the chain: this many minor units of this token into this account.

    ``owner`` is the wallet that the account must belong to; None where the seller named the
    account itself.
    """

    token: Token
    account: bytes
    owner: bytes | None
    amount: int


def expected_of(quote: Quote, config: RailConfig) -> Expected:
    """Read a quote for this chain.

    Raises Declined for a quote of another network, or in a token that is not on the allow-list.
    """
    if quote.network != config.caip2:
        raise refused(Reason.NETWORK_MISMATCH)
    token = config.tokens.get(quote.amount.asset.code)
    if token is None:
        raise refused(Reason.MINT)
    owner = _owner_of(quote, config)
    return Expected(
        token=token,
        account=_account(quote.pay_to) if owner is None else _owned(owner, token),
        owner=owner,
        amount=quote.amount.minor,
    )


def _owner_of(quote: Quote, config: RailConfig) -> bytes | None:
    # A refund pays a customer's wallet; a product's own account is a token account already.
    if quote.pay_to == config.payment_address:
        return config.owner
    return _account(quote.pay_to) if quote.purpose is Purpose.REFUND else None


def _owned(owner: bytes, token: Token) -> bytes:
    return token_account(owner, token.mint, token.program)


@lru_cache(maxsize=4096)
def _account(text: str) -> bytes:
    try:
        return address(text)
    except ValueError as error:
        raise refused(Reason.RECIPIENT) from error

"""Whether the wallet that pays refunds by itself can do so."""

from collections.abc import Sequence

from solders.pubkey import Pubkey

from tillway.adapters.x402.accounts import read_token_account, token_account
from tillway.adapters.x402.answers import Account
from tillway.adapters.x402.config import Token
from tillway.adapters.x402.payout import Payout
from tillway.adapters.x402.programs import address
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.wallets import HEALTHY_FROM, LAMPORTS_PER_SOL
from tillway.core.errors import Unavailable
from tillway.core.money import Money
from tillway.core.ports.rails import Finding


async def examine_payout(rpc: Rpc, payout: Payout, tokens: Sequence[Token]) -> Finding:
    """Look at what the wallet has: SOL for fees, and tokens to give. Never raises Unavailable."""
    subject = f"refund wallet {payout.address}"
    owner = address(payout.address)
    accounts = [Pubkey(token_account(owner, each.mint, each.program)) for each in tokens]
    try:
        lamports = await rpc.balance(Pubkey(owner))
        found = await rpc.accounts(accounts)
    except Unavailable as away:
        return Finding(subject=subject, good=False, fact=str(away), advice="try again")
    held = [_held(token, account) for token, account in zip(tokens, found, strict=True)]
    some = [str(money) for money in held if money.minor]
    fact = ", ".join([f"{lamports / LAMPORTS_PER_SOL:.6f} SOL", *(some or ["no tokens"])])
    limits = payout.limits
    fact = f"{fact}; pays refunds up to {limits.one}, {limits.day} a day"
    if some and lamports >= HEALTHY_FROM:
        return Finding(subject=subject, good=True, fact=fact)
    advice = "send it SOL for fees, and the tokens that it is to give back"
    return Finding(subject=subject, good=False, fact=fact, advice=advice)


def _held(token: Token, account: Account | None) -> Money:
    read = read_token_account(account)
    return Money(0 if read is None else read.amount, token.asset)

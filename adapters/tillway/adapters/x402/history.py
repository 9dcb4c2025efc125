"""What moved on our token accounts, read from the chain's past."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import define, frozen
from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.config import RailConfig, Token
from tillway.adapters.x402.holdings import Held, Holdings
from tillway.adapters.x402.mentions import Mention
from tillway.adapters.x402.programs import address
from tillway.adapters.x402.rpc import Rpc
from tillway.core.money import Money
from tillway.core.ports.chains import Movement

PAGE: Final = 1_000
"""The most that nodes list of an address at once."""

TOGETHER: Final = 8
"""Transactions that are asked for at a time."""


@frozen(kw_only=True)
class Watched:
    """A token account, and how payments name it."""

    account: Pubkey
    places: frozenset[str]


@define(kw_only=True)
class History:
    """Go through an account's transactions, newest first. Failed ones moved nothing."""

    config: RailConfig
    rpc: Rpc

    async def movements(
        self, places: Collection[str], since: datetime | None
    ) -> AsyncIterator[Movement]:
        """Give what moved; the law is that of the port ShowsMovements."""
        for watched in self._watched(places):
            async for page in self._pages(watched.account, since):
                for at in range(0, len(page), TOGETHER):
                    some = page[at : at + TOGETHER]
                    held = await asyncio.gather(*(self.rpc.holdings(m.signature) for m in some))
                    for mention, holdings in zip(some, held, strict=True):
                        for movement in self._moved(watched, mention, holdings):
                            yield movement

    def _watched(self, places: Collection[str]) -> Iterator[Watched]:
        """Give each account once: that of a product may be our own."""
        own, names = self.config.payment_address, defaultdict[bytes, set[str]](set)
        for token in self.config.tokens.values():
            account = token_account(self.config.owner, token.mint, token.program)
            names[account].add(own)
        for place in set(places) - {own}:
            names[address(place)].add(place)
        for account, known in names.items():
            yield Watched(account=Pubkey(account), places=frozenset(known))

    async def _pages(
        self, account: Pubkey, since: datetime | None
    ) -> AsyncIterator[Sequence[Mention]]:
        before: Signature | None = None
        start = 0 if since is None else since.timestamp()
        while page := await self.rpc.mentions(account, PAGE, before):
            young = [each for each in page if each.at is None or each.at >= start]
            yield [each for each in young if each.err is None]
            if len(young) < len(page):
                return
            before = page[-1].signature

    def _moved(
        self, watched: Watched, mention: Mention, holdings: Holdings | None
    ) -> Iterator[Movement]:
        if holdings is None:
            return
        changes = _changes(holdings)
        for mint, change in changes.get(watched.account, {}).items():
            token = self._token(mint)
            if change and token is not None:
                yield Movement(
                    signature=str(mention.signature),
                    at=None if mention.at is None else datetime.fromtimestamp(mention.at, UTC),
                    places=watched.places,
                    amount=Money(change, token.asset),
                    other=_other(holdings, changes, mint, change),
                )

    def _token(self, mint: Pubkey) -> Token | None:
        tokens = self.config.tokens.values()
        return next((token for token in tokens if token.mint == bytes(mint)), None)


_Changes = Mapping[Pubkey, Mapping[Pubkey, int]]
"""By account and mint, how much more there is afterwards."""


def _changes(holdings: Holdings) -> _Changes:
    found: defaultdict[Pubkey, defaultdict[Pubkey, int]] = defaultdict(lambda: defaultdict(int))
    for held in holdings.before:
        found[held.account][held.mint] -= held.amount
    for held in holdings.after:
        found[held.account][held.mint] += held.amount
    return found


def _other(holdings: Holdings, changes: _Changes, mint: Pubkey, change: int) -> str | None:
    """Give the owner of the account that lost most where we won, or won most where we lost."""
    sign = -1 if change > 0 else 1
    sides = [
        (sign * by_mint.get(mint, 0), account)
        for account, by_mint in changes.items()
        if sign * by_mint.get(mint, 0) > 0
    ]
    if not sides:
        return None
    _, account = max(sides, key=lambda side: side[0])
    return _owner(account, (*holdings.before, *holdings.after))


def _owner(account: Pubkey, every: Sequence[Held]) -> str | None:
    owners = (held.owner for held in every if held.account == account)
    owner = next((each for each in owners if each is not None), None)
    return None if owner is None else str(owner)

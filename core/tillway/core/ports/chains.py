"""What rails with a chain can show of it, to clients and to those who compare books with it."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import frozen

from tillway.core.money import Money


@frozen(kw_only=True)
class Movement:
    """Money that one payment moved into a place of ours, or below zero out of it.

    ``places`` are all names by which payments name where they are paid to. ``other`` is whose
    money it was, or whose it became; None where the rail does not show it. ``at`` is None where
    nobody knows.
    """

    signature: str
    at: datetime | None
    places: frozenset[str]
    amount: Money
    other: str | None


@runtime_checkable
class ShowsMovements(Protocol):
    """A rail whose past can be gone through, so that books can be compared with it."""

    def movements(self, places: Collection[str], since: datetime | None) -> AsyncIterator[Movement]:
        """Go through what moved in these places and our own, newest first for each, back to then.

        Only what is as sure as settled payments are. Raises Unavailable where it cannot go on.
        """
        ...


@frozen(kw_only=True)
class Recent:
    """What a transaction is anchored to, and how long it is good. ``cached``: nobody was asked."""

    blockhash: str
    last_valid_height: int
    cached: bool


@runtime_checkable
class AnchorsTransactions(Protocol):
    """Tell whoever writes a transaction for this rail what it needs to know of the chain."""

    def account_of(self, owner: str, mint: str) -> str:
        """Give the account in which a wallet keeps a token. Pure, whether it is there or not.

        Raises Declined (invalid_wallet, invalid_token_mint) for what are no addresses.
        """
        ...

    async def recent(self) -> Recent:
        """Give a blockhash that is at most some seconds old. Raises Unavailable."""
        ...

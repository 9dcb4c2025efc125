"""Payments that a buyer makes by himself, with a wallet that has never heard of us."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from attrs import frozen

from tillway.core.ports.rails import Built, Proof, Shown
from tillway.core.quotes import Quote


@frozen(kw_only=True)
class Link:
    """An address that wallets pay: as a link, or as a QR code for another device's camera.

    ``reference`` stands on the payment, so that it can be found by it.
    """

    url: str
    reference: str


@runtime_checkable
class TakesLinks(Protocol):
    """A rail that wallets can pay by a link, and that finds such payments afterwards."""

    def link(self, quote: Quote, authenticator: str, shown: Shown) -> Link | None:
        """Write the link that pays a quote; None where wallets could not pay it so. Pure.

        Its reference is made of the authenticator, so that nobody can have us look elsewhere.
        """
        ...

    async def found(self, quote: Quote, sealed: str, authenticator: str) -> Sequence[Proof]:
        """Find what may have paid a quote by its link: a few, the oldest first.

        What is found is as good as what any buyer shows, and is to be judged like it. Spends and
        stores nothing; a repeat may find more. Raises Unavailable if the rail cannot be asked.
        """
        ...


@runtime_checkable
class BuildsOwn(Protocol):
    """Write a transaction that pays a quote and whose fee the buyer pays."""

    async def build_own(self, quote: Quote, payer: str, authenticator: str, shown: Shown) -> Built:
        """Build it unsigned. Spends nothing; a repeat builds another one.

        Raises Declined (invalid_wallet) for a key that is malformed or ours, Unavailable if the
        rail cannot be asked.
        """
        ...

"""Links that wallets pay by Solana Pay's transfer requests, and what was paid by them.

A request (https://docs.solanapay.com/spec, version 1) names recipient, amount, token, a reference
and a memo; the wallet writes and sends the transaction by itself. The reference is a key without
meaning that stands among the transfer's accounts, by which nodes find the transaction.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import quote as quoted

from attrs import define, field
from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.destinations import expected_of
from tillway.adapters.x402.dialects import v0
from tillway.adapters.x402.mentions import Mention
from tillway.adapters.x402.offer import Offering
from tillway.adapters.x402.programs import written
from tillway.core.errors import Unavailable
from tillway.core.money import Money
from tillway.core.ports.elsewhere import Link
from tillway.core.ports.rails import Proof, Shown
from tillway.core.quotes import Quote

MOST_MENTIONS: Final = 100
"""Transactions that are looked through: whoever has seen one can name its reference too."""

MOST_FOUND: Final = 3
MOST_LOOKING: Final = 32
"""Looks at once: whoever has a quote can ask for one, and nodes are needed for payments."""

LOOK_LIFETIME: Final = 1.0
"""Seconds for which what a look has found is found again, without a node."""

_RETRY_AFTER: Final = 2.0
_LONGEST_MESSAGE: Final = 120
_DOMAIN: Final = b"tillway solana pay reference\0"


class Finds(Protocol):
    """A chain whose transactions can be found by an account that they name."""

    async def mentions(self, account: Pubkey, limit: int) -> Sequence[Mention]:
        """List transactions that are at least confirmed, newest first."""
        ...

    async def wire(self, signature: Signature) -> bytes | None:
        """Give a transaction's bytes; None if the node has none."""
        ...


def reference_of(authenticator: str) -> bytes:
    """Give the key by which a payment is found: nobody knows it who has not seen the quote."""
    return hashlib.sha256(_DOMAIN + authenticator.encode()).digest()


@define(kw_only=True)
class Links:
    """Write links and find what was paid by them."""

    config: RailConfig
    chain: Finds
    offering: Offering
    rail: str
    _looks: dict[str, "asyncio.Task[Sequence[bytes]]"] = field(factory=dict, init=False, repr=False)

    def link(self, quote: Quote, authenticator: str, shown: Shown) -> Link | None:
        """Write the link; None for an account that is not its wallet's usual one."""
        expected = expected_of(quote, self.config)
        payee = self.offering.payee(expected)
        if payee is None:
            return None
        reference = written(reference_of(authenticator))
        told = {
            "amount": amount_of(quote.amount),
            "spl-token": written(expected.token.mint),
            "reference": reference,
            "memo": authenticator,
            "message": shown.description[:_LONGEST_MESSAGE],
        }
        query = "&".join(f"{name}={quoted(text, safe='')}" for name, text in told.items() if text)
        return Link(url=f"solana:{written(payee)}?{query}", reference=reference)

    async def found(self, quote: Quote, sealed: str, authenticator: str) -> Sequence[Proof]:
        """Find payments that carry reference and memo of this quote.

        Whoever asks for the same within a second shares one look. Raises Unavailable when too
        many are looked for.
        """
        raws = await asyncio.shield(self._looking(authenticator))
        return [self._proof(raw, sealed, quote) for raw in raws]

    def _looking(self, authenticator: str) -> "asyncio.Task[Sequence[bytes]]":
        known = self._looks.get(authenticator)
        if known is not None:
            return known
        if sum(not each.done() for each in self._looks.values()) >= MOST_LOOKING:
            raise Unavailable(retry_after=_RETRY_AFTER)
        look = asyncio.create_task(self._look(authenticator), name="x402 link")
        self._looks[authenticator] = look
        look.add_done_callback(lambda done: self._keep(authenticator, done))
        return look

    def _keep(self, authenticator: str, look: "asyncio.Task[Sequence[bytes]]") -> None:
        """Forget a look after a while, and one that failed at once."""
        if look.cancelled() or look.exception() is not None:
            self._looks.pop(authenticator, None)
            return
        loop = look.get_loop()
        loop.call_later(LOOK_LIFETIME, self._looks.pop, authenticator, None)

    async def _look(self, authenticator: str) -> Sequence[bytes]:
        reference = Pubkey(reference_of(authenticator))
        mentions = await self.chain.mentions(reference, MOST_MENTIONS)
        ours = [each for each in reversed(mentions) if each.may_have_paid(authenticator)]
        raws = await asyncio.gather(
            *(self.chain.wire(each.signature) for each in ours[:MOST_FOUND])
        )
        return [raw for raw in raws if raw is not None]

    def _proof(self, raw: bytes, sealed: str, quote: Quote) -> Proof:
        return Proof(
            rail=self.rail,
            version=v0.VERSION,
            payload=raw,
            network=self.config.network.value,
            resource=quote.resource,
            sealed=sealed,
        )


def amount_of(money: Money) -> str:
    """Write an amount as requests want it: in whole units, without needless zeros."""
    whole, _, part = money.to_major().partition(".")
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole

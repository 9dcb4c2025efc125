"""A transaction that the chain had before we were shown it.

Anyone can find such a one, so it counts only for a quote that was sealed for it, carries that
quote's authenticator, and only if it ran while the quote was good.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from solders.signature import Signature

from tillway.adapters.x402.answers import Landed, Simulation, Statuses
from tillway.adapters.x402.errors import ALREADY_PROCESSED, BLOCKHASH_NOT_FOUND, explain
from tillway.adapters.x402.reasons import Reason, refused
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.payments import Failed
from tillway.core.quotes import Quote

CLOCK_SKEW: Final = 15
"""Seconds by which block times may lag behind our clock: they are the validators' estimate.

Only a quote's start is stretched by it. Its memo could not be written sooner, having our MAC.
"""

_RETRY_AFTER: Final = 1.0


class Chain(Protocol):
    """A chain whose past can be read."""

    async def statuses(self, signatures: Sequence[Signature], *, history: bool) -> Statuses:
        """Look up signatures; ``history`` searches more than the recent ones."""
        ...

    async def transaction(self, signature: Signature) -> Landed | None:
        """Look up a transaction that is at least confirmed."""
        ...

    async def has_run(self, signature: Signature) -> bool:
        """Tell whether any node has it in a recent block, confirmed or not."""
        ...


def is_of_past(simulation: Simulation) -> bool:
    """Tell whether it has run, or its blockhash is too old to tell or to run."""
    return simulation.err in (ALREADY_PROCESSED, BLOCKHASH_NOT_FOUND)


def refusal_of_past(simulation: Simulation, *, known: bool) -> Declined:
    """Refuse a transaction of the past; ``known`` tells that a node has it in a block."""
    if known or simulation.err == ALREADY_PROCESSED:
        return refused(Reason.DUPLICATE)
    return refused(Reason.INVALID_STATE, code=Code.TRANSACTION_EXPIRED)


async def require_paid(
    chain: Chain, signature: Signature, simulation: Simulation, *, known: bool
) -> Landed:
    """Give what the chain shows of a transaction of the past that has moved its money.

    The caller has made sure that it carries the quote's authenticator, and that the sealed
    quote came with it. Raises Declined if it has not paid and cannot any more, Unavailable
    (transaction_not_confirmed) while the chain has it but cannot show it yet.
    """
    known = known or simulation.err == ALREADY_PROCESSED or await _is_known(chain, signature)
    if not known:
        raise refusal_of_past(simulation, known=False)
    landed = await chain.transaction(signature)
    if landed is None or landed.block_time is None:
        raise not_shown()
    if landed.err is not None:
        raise refused(Reason.FAILED, code=explain(landed.err).code)
    return landed


def not_shown() -> Unavailable:
    """Say that the chain has it and no node shows enough of it yet."""
    return Unavailable(Code.TRANSACTION_NOT_CONFIRMED, retry_after=_RETRY_AFTER)


async def _is_known(chain: Chain, signature: Signature) -> bool:
    found = await chain.statuses([signature], history=True)
    return found.values[0] is not None


def refusal_of_time(landed: Landed, quote: Quote) -> Failed | None:
    """Tell why a payment of this very quote buys nothing, if it was made too late.

    Raises Declined for one from before the quote: that one was not made for it.
    """
    at = landed.block_time or 0
    if at < quote.issued_at - CLOCK_SKEW:
        raise refused(Reason.DUPLICATE)
    if at > quote.expires_at:
        return Failed(code=Code.QUOTE_EXPIRED, reason=Reason.DUPLICATE.value, landed=True)
    return None

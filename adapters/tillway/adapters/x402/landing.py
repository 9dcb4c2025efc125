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
    chain: Chain, signature: Signature, quote: Quote, simulation: Simulation, *, known: bool
) -> None:
    """Return if a transaction of the past has paid this quote in time.

    The caller has made sure that it carries the quote's authenticator, and that the sealed
    quote came with it. Raises Declined if it has not paid and cannot any more, Unavailable
    (transaction_not_confirmed) while the chain has it but cannot show it yet.
    """
    known = known or simulation.err == ALREADY_PROCESSED or await _is_known(chain, signature)
    if not known:
        raise refusal_of_past(simulation, known=False)
    landed = await chain.transaction(signature)
    if landed is None or landed.block_time is None:
        raise Unavailable(Code.TRANSACTION_NOT_CONFIRMED, retry_after=_RETRY_AFTER)
    if landed.err is not None:
        raise refused(Reason.FAILED, code=explain(landed.err).code)
    _require_in_time(landed.block_time, quote)


async def _is_known(chain: Chain, signature: Signature) -> bool:
    found = await chain.statuses([signature], history=True)
    return found.values[0] is not None


def _require_in_time(block_time: int, quote: Quote) -> None:
    if block_time > quote.expires_at:
        raise refused(Reason.DUPLICATE, code=Code.QUOTE_EXPIRED)
    if block_time < quote.issued_at - CLOCK_SKEW:
        raise refused(Reason.DUPLICATE)

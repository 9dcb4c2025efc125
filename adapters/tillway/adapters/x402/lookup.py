"""Look up what became of a transaction, and prove that it can no longer land.

The law (design 4): a status that one node shows is believed; two that contradict each other
decide nothing; that a node shows none proves nothing by itself. Failure without a landing is
proven by one node alone, in this order: its history reaches back to the claim, its finalized
height is past the last block that could hold the transaction, and then it has no status, as of
a slot no older than that height. Every other node that answers must have had no status either.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from solders.signature import Signature

from tillway.adapters.x402.answers import Level, Status, Statuses
from tillway.adapters.x402.errors import describe, explain
from tillway.adapters.x402.heights import BLOCKHASH_LIFE
from tillway.adapters.x402.rpc import Rpc
from tillway.core.errors import Code, Unavailable
from tillway.core.payments import Failed, Outcome, Settled, Unresolved
from tillway.core.ports.rails import Signed

HISTORY_MARGIN: Final = 150
"""Slots before the claim that a node must still have: nodes do not answer at one slot."""

_DISAGREE: Final = "nodes disagree"


def outcome_of(signature: str, status: Status, level: Level, *, sponsored: bool) -> Outcome:
    """Say what a status means. Only a finalized error is a failure; a lesser one may be told."""
    if status.err is None:
        if status.level.reaches(level):
            final = status.level is Level.FINALIZED
            return Settled(signature=signature, slot=status.slot, final=final)
        return Unresolved(reason=f"only {status.level}")
    explained = explain(status.err, sponsored=sponsored)
    failed = Failed(code=explained.code, reason=explained.reason, landed=True)
    if status.level is Level.FINALIZED:
        return failed
    told = failed if status.level.reaches(Level.CONFIRMED) else None
    return Unresolved(reason=f"landed_failed: {describe(status.err)}", refusal=told)


async def look_up(rpc: Rpc, signed: Signed, *, sponsored: bool) -> Outcome:
    """Ask every node, then try the proof. Sends nothing and never raises Unavailable."""
    signature = Signature.from_string(signed.signature)
    nodes = tuple(rpc.each())
    answers = await asyncio.gather(*(_asked(node, signature) for node in nodes))
    statuses = [found.values[0] for found in answers if found is not None]
    if not statuses:
        return Unresolved(reason="no node answered")
    known = [status for status in statuses if status is not None]
    if known:
        return believed(signed, known, rpc.commitment, sponsored=sponsored)
    return await _proven(rpc, nodes, signed, signature, sponsored=sponsored)


def believed(signed: Signed, known: Sequence[Status], level: Level, *, sponsored: bool) -> Outcome:
    """Say what statuses of several nodes mean together; ``level`` is the commitment asked for."""
    firm = [status for status in known if status.level.reaches(Level.CONFIRMED)]
    if len({describe(status.err) for status in firm}) > 1:
        return Unresolved(reason=_DISAGREE)
    firmest = max(known, key=lambda status: tuple(Level).index(status.level))
    if firmest.err is not None and any(status.err is None for status in known):
        return Unresolved(reason=_DISAGREE)
    return outcome_of(signed.signature, firmest, level, sponsored=sponsored)


async def _asked(node: Rpc, signature: Signature) -> Statuses | None:
    try:
        return await node.statuses([signature], history=True)
    except Unavailable:
        return None


async def _proven(
    rpc: Rpc, nodes: Sequence[Rpc], signed: Signed, signature: Signature, *, sponsored: bool
) -> Outcome:
    last = last_possible_height(signed)
    if rpc.seen.known and rpc.seen.height <= last:
        return Unresolved(reason="may still land")
    for node in nodes:
        with_proof = await _proof(node, signed, signature, last)
        if isinstance(with_proof, Status):
            level = rpc.commitment
            return outcome_of(signed.signature, with_proof, level, sponsored=sponsored)
        if with_proof:
            reason = f"not in any block up to height {last}"
            return Failed(code=Code.TRANSACTION_EXPIRED, reason=reason, landed=False)
    return Unresolved(reason="no node can prove its absence yet")


def last_possible_height(signed: Signed) -> int:
    """Give the last height whose block could hold it: its blockhash was alive at the claim."""
    return max(signed.seen_height + BLOCKHASH_LIFE, signed.last_valid_height)


async def _proof(node: Rpc, signed: Signed, signature: Signature, last: int) -> Status | bool:
    """Tell whether this node proves the absence; give the status if it has one after all."""
    try:
        if await node.first_available_block() > max(0, signed.seen_slot - HISTORY_MARGIN):
            return False
        tip = await node.tip(Level.FINALIZED)
        if tip.height <= last:
            return False
        found = await node.statuses([signature], history=True)
    except Unavailable:
        return False
    status = found.values[0]
    # Behind one address there may be several machines: this one must have come as far.
    return found.slot >= tip.slot if status is None else status

"""How payments stand that were granted before the chain could no longer take them back.

A confirmed block may be left behind by a fork, though none ever was. What one node still shows
stands; what none shows may only have been missed, so that nothing but the proof by height, or a
finalized error, tells that it is gone (see lookup).
"""

import asyncio
from collections.abc import Callable, Sequence

from attrs import frozen
from solders.signature import Signature

from tillway.adapters.x402.answers import Status
from tillway.adapters.x402.lookup import believed, look_up
from tillway.adapters.x402.rpc import MOST_SIGNATURES, Rpc
from tillway.core.errors import Unavailable
from tillway.core.payments import Missing, Outcome, Unresolved
from tillway.core.ports.rails import Signed

Standing = Outcome | Missing
Statuses = Sequence[Sequence[Status | None]]
"""For each signature what each node that answered knows of it."""


@frozen
class Finality:
    """Ask all nodes about many payments at once. ``sponsored`` tells whose fee one is."""

    rpc: Rpc
    sponsored: Callable[[Signed], bool]

    async def standing(self, signed: Sequence[Signed]) -> Sequence[Standing]:
        """Tell how payments stand; the law is that of the port KnowsFinality."""
        starts = range(0, len(signed), MOST_SIGNATURES)
        parts = [await self._part(signed[start : start + MOST_SIGNATURES]) for start in starts]
        return [each for part in parts for each in part]

    async def _part(self, signed: Sequence[Signed]) -> Sequence[Standing]:
        signatures = [Signature.from_string(each.signature) for each in signed]
        asked = await asyncio.gather(*(_statuses(node, signatures) for node in self.rpc.each()))
        answered = [found for found in asked if found is not None]
        if not answered:
            return [Unresolved(reason="no node answered")] * len(signed)
        known = zip(*answered, strict=True)
        return await asyncio.gather(
            *(self._one(each, found) for each, found in zip(signed, known, strict=True))
        )

    async def _one(self, signed: Signed, found: Sequence[Status | None]) -> Standing:
        shown = [status for status in found if status is not None]
        if shown:
            sponsored = self.sponsored(signed)
            return believed(signed, shown, self.rpc.commitment, sponsored=sponsored)
        outcome = await look_up(self.rpc, signed, sponsored=self.sponsored(signed))
        return Missing() if isinstance(outcome, Unresolved) else outcome


async def _statuses(node: Rpc, signatures: Sequence[Signature]) -> Sequence[Status | None] | None:
    try:
        return (await node.statuses(signatures, history=True)).values
    except Unavailable:
        return None

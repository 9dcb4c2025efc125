"""Finish what a crash, a time-out or a silent rail left open (design 4).

Any process may run it, and any number of them: leases decide who works on what.
"""

import asyncio

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.payments import Outcome, Payment, Unresolved
from tillway.core.ports.rails import Signed
from tillway.core.ports.store import Store
from tillway.core.services.endings import Endings
from tillway.core.services.leases import Leases
from tillway.core.services.rails import Rails, TakesProofs

_BATCH = 32


@define(kw_only=True)
class Resolve:
    """Take over payments whose lease has ended and find out what became of them."""

    store: Store
    rails: Rails
    endings: Endings
    leases: Leases

    async def once(self) -> int:
        """Work on what nobody works on, at most 32 payments, and tell how many ended.

        What is still open afterwards is released, to be looked at again after a lease.
        """
        leases = self.leases
        now, until = leases.clock.now(), leases.until()
        async with self.store.begin(once=True) as unit:
            found = await unit.payments.take_over(leases.owner, now, until, _BATCH)
        ended = await asyncio.gather(*(self._resolved(payment) for payment in found))
        return sum(ended)

    async def _resolved(self, payment: Payment) -> bool:
        with self.leases.held(payment.key):
            outcome = await self._found_out(self.rails.taking(payment.rail), payment)
            if isinstance(outcome, Unresolved):
                return await self._put_back(payment)
            return not (await self.endings.write(payment, outcome)).is_live

    async def _found_out(self, rail: TakesProofs, payment: Payment) -> Outcome:
        signed = signed_of(payment)
        try:
            seen = await rail.look(signed)
            if isinstance(seen, Unresolved) and not payment.is_refused:
                return await rail.send(signed)
            return seen
        except Unavailable as away:
            return Unresolved(reason=str(away))

    async def _put_back(self, payment: Payment) -> bool:
        async with self.store.begin(once=True) as unit:
            await unit.payments.release(payment, self.leases.until())
        return False


def signed_of(payment: Payment) -> Signed:
    """Give back what was signed: the very bytes, and what was seen before they were sent."""
    return Signed(
        chain=payment.chain,
        key=payment.key,
        payload=payment.signed,
        signature=payment.signature,
        last_valid_height=payment.last_valid_height,
        seen_height=payment.seen_height,
        seen_slot=payment.seen_slot,
    )

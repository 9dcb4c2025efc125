"""Finish what a crash, a time-out or a silent rail left open (design 4).

Any process may run it, and any number of them: leases decide who works on what.
"""

import asyncio

from attrs import define, field

from tillway.core.errors import Unavailable
from tillway.core.payments import Outcome, Payment, Unresolved
from tillway.core.ports.rails import Signed
from tillway.core.ports.store import Store
from tillway.core.services.paying.endings import Endings
from tillway.core.services.paying.leases import Leases
from tillway.core.services.rails import Rails

_BATCH = 32


@define(kw_only=True)
class Resolve:
    """Take over payments whose lease has ended and find out what became of them.

    Looking is quick and comes first, for all; sending waits for the rail, so it goes on beside
    the next sweep, for at most ``most_sending`` payments at a time.
    """

    store: Store
    rails: Rails
    endings: Endings
    leases: Leases
    most_sending: int = 64
    _sending: set[asyncio.Task[None]] = field(factory=set, init=False)

    async def once(self) -> None:
        """Sweep once, and wait for what was sent."""
        await self.sweep()
        while self._sending:
            await asyncio.wait(self._sending)

    async def sweep(self) -> int:
        """Look at what nobody works on, at most 32 payments, and tell how many ended.

        What is still open, and may be sent, is sent again in tasks of its own; all else is
        released, to be looked at again after a lease.
        """
        # After a pause of this process its own payments are still its own: say so first.
        await self.leases.renew()
        owner = self.leases.new_owner()
        now, until = self.leases.clock.now(), self.leases.until()
        async with self.store.begin(once=True) as unit:
            found = await unit.payments.take_over(owner, now, until, _BATCH)
        ended = await asyncio.gather(*(self._looked(payment) for payment in found))
        return sum(ended)

    async def aclose(self) -> None:
        """Stop sending; others take over what was on its way. A repeat does nothing."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _looked(self, payment: Payment) -> bool:
        with self.leases.held(payment.key, payment.owner):
            outcome = await self._asked(payment, again=False)
            if not isinstance(outcome, Unresolved):
                return not (await self.endings.write(payment, outcome)).is_live
        if payment.is_refused or len(self._sending) >= self.most_sending:
            await self._put_back(payment)
        else:
            self._send(payment)
        return False

    def _send(self, payment: Payment) -> None:
        task = asyncio.create_task(self._sent(payment), name=f"resolve {payment.signature}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, payment: Payment) -> None:
        with self.leases.held(payment.key, payment.owner):
            outcome = await self._asked(payment, again=True)
            if isinstance(outcome, Unresolved):
                await self._put_back(payment)
            else:
                await self.endings.write(payment, outcome)

    async def _asked(self, payment: Payment, *, again: bool) -> Outcome:
        rail, signed = self.rails.find(payment.rail), signed_of(payment)
        if rail is None:
            return Unresolved(reason=f"the rail {payment.rail} is not configured")
        try:
            return await (rail.send(signed) if again else rail.look(signed))
        except Unavailable as away:
            return Unresolved(reason=str(away))

    async def _put_back(self, payment: Payment) -> None:
        async with self.store.begin(once=True) as unit:
            await unit.payments.release(payment, self.leases.until())


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

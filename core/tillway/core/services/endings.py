"""Write the end of a payment, once, with its fact."""

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.ids import new_event_id
from tillway.core.payments import Failed, Outcome, Payment, Settled
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.bookkeeping import entries_of
from tillway.core.services.grants import grant_of, succeeded

_STORE_RETRIES = 6


@define(kw_only=True)
class Endings:
    """Turn a rail's outcome into what is stored."""

    store: Store
    clock: Clock
    random: Random

    async def write(self, payment: Payment, outcome: Outcome) -> Payment:
        """Write the outcome of a payment that we own and give the payment as it now stands.

        If another process has taken it over, what that one wrote stands. A store that is away
        is tried again for some seconds; then the payment is left to the resolver.
        """
        for attempt in range(_STORE_RETRIES):
            try:
                return await self._written(payment, outcome)
            except Unavailable:
                await self.clock.sleep(0.1 * 2**attempt)
        return payment

    async def _written(self, payment: Payment, outcome: Outcome) -> Payment:
        ended = self._ended(payment, outcome)
        async with self.store.begin(once=True) as unit:
            ours = await self._write(unit, ended, outcome)
        return ended if ours else await self._found(payment)

    def _ended(self, payment: Payment, outcome: Outcome) -> Payment:
        now = self.clock.now()
        if isinstance(outcome, Settled):
            return payment.settled(now, outcome.slot, grant_of(payment))
        if isinstance(outcome, Failed):
            return payment.failed(now, outcome)
        return payment.refused(outcome.refusal) if outcome.refusal else payment

    async def _write(self, unit: UnitOfWork, ended: Payment, outcome: Outcome) -> bool:
        if isinstance(outcome, Failed):
            return await unit.payments.fail(ended, outcome.landed)
        if not isinstance(outcome, Settled):
            return await unit.payments.release(ended, self.clock.now())
        fact = succeeded(new_event_id(self.random), ended)
        return await unit.payments.settle(ended, [fact], entries_of(ended))

    async def _found(self, payment: Payment) -> Payment:
        async with self.store.view(once=True) as view:
            return await view.payments.find(payment.chain, payment.key) or payment

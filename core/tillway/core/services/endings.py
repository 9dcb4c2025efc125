"""Write the end of a payment, once, with its fact."""

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.events import Event
from tillway.core.ids import new_event_id
from tillway.core.payments import Failed, Outcome, Payment, Settled
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import Store
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
        now = self.clock.now()
        if isinstance(outcome, Settled):
            ended = payment.settled(now, outcome.slot, grant_of(payment))
        elif isinstance(outcome, Failed):
            ended = payment.failed(now, outcome)
        else:
            ended = payment
        async with self.store.begin() as unit:
            if isinstance(outcome, Settled):
                ours = await unit.payments.settle(ended)
                if ours:
                    await unit.events.append(self._fact(ended))
            elif isinstance(outcome, Failed):
                ours = await unit.payments.fail(ended, outcome.landed)
            else:
                ours = await unit.payments.release(payment, now)
        return ended if ours else await self._found(payment)

    async def _found(self, payment: Payment) -> Payment:
        async with self.store.view() as view:
            return await view.payments.find(payment.chain, payment.key) or payment

    def _fact(self, payment: Payment) -> Event:
        return succeeded(new_event_id(self.random), payment)

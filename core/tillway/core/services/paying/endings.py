"""Write the end of a payment, once, with its facts and what it books."""

from decimal import Decimal

from attrs import define

from tillway.core.errors import Unavailable
from tillway.core.payments import Failed, Outcome, Payment, Settled, State
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.paying.arrivals import arrived
from tillway.core.services.refunds.unapplied import queue_refund, tell_unapplied
from tillway.core.services.subjects import Subjects

_STORE_RETRIES = 6


@define(kw_only=True)
class Endings:
    """Turn a rail's outcome into what is stored. ``least`` is that of `queue_refund`."""

    store: Store
    subjects: Subjects
    clock: Clock
    random: Random
    least: Decimal = Decimal(0)

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
        gives_back = ended.state is State.UNAPPLIED
        subject = self.subjects.of(ended.purchase)
        fulfils = subject.writes and ended.state is State.SETTLED
        async with self.store.begin(once=not (gives_back or fulfils)) as unit:
            ours = await self._write(unit, ended, outcome)
            if ours and gives_back:
                await queue_refund(unit, ended, self.random, self.least)
                await self.subjects.kept(unit, ended)
            if ours and fulfils:
                await subject.fulfil(unit, ended)
        if ours and gives_back:
            tell_unapplied(ended)
        return ended if ours else await self._found(payment)

    def _ended(self, payment: Payment, outcome: Outcome) -> Payment:
        now = self.clock.now()
        if isinstance(outcome, Settled):
            return arrived(payment, now, outcome)
        if isinstance(outcome, Failed):
            return payment.failed(now, outcome)
        return payment.refused(outcome.refusal) if outcome.refusal else payment

    async def _write(self, unit: UnitOfWork, ended: Payment, outcome: Outcome) -> bool:
        if isinstance(outcome, Failed):
            return await unit.payments.fail(ended, outcome.landed)
        if not isinstance(outcome, Settled):
            return await unit.payments.release(ended, self.clock.now())
        return await unit.payments.settle(ended, facts_of(ended), entries_of(ended))

    async def _found(self, payment: Payment) -> Payment:
        async with self.store.view(once=True) as view:
            return await view.payments.find(payment.chain, payment.key) or payment

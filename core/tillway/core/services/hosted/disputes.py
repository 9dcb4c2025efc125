"""Disputes: money that whoever paid has taken back at his bank, and may have to return.

Only what is disputed leaves the books. Once nothing is left of a payment it is reversed; what of it
is won settles it again. A part that is disputed leaves the goods where they are, as a part that is
refunded does. A payment remembers how each of its disputes stands, so that older news change
nothing.
"""

import logging
from collections.abc import Mapping
from typing import Final

from attrs import define, evolve

from tillway.core.disputes import standing, standing_of, taken_back, with_standing
from tillway.core.errors import Code, Unavailable
from tillway.core.events import Event
from tillway.core.ids import event_id_of
from tillway.core.ledger import Entry
from tillway.core.paid import paid_in_all
from tillway.core.payments import Failed, Payment, Settled, State
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.hosting import DisputeTold
from tillway.core.ports.store import UnitOfWork
from tillway.core.refunds import paid_back
from tillway.core.services.books.bookkeeping import dispute_key, disputed, entries_of
from tillway.core.services.books.facts import PAYMENT_DISPUTED, fact_of, facts_of
from tillway.core.services.paying.arrivals import arrived
from tillway.core.services.refunds.told import paid_with
from tillway.core.services.refunds.unapplied import queue_refund, withdraw_refund
from tillway.core.services.subjects import Subjects
from tillway.core.tenancy import Tenant

_HERE: Final = frozenset({State.SETTLED, State.UNAPPLIED})

_log = logging.getLogger(__name__)


@define(kw_only=True)
class Disputes:
    """Apply news of disputes."""

    clock: Clock
    random: Random
    subjects: Subjects

    async def apply(self, unit: UnitOfWork, tenant: Tenant, source: str, told: DisputeTold) -> None:
        """Write how a dispute stands, and what that makes of its payment."""
        payment = await paid_with(unit, tenant, source, told)
        same = told.amount.asset == payment.amount.asset
        now = standing(told.state, told.at, told.amount.minor if same else None)
        known = standing_of(payment, told.id)
        if known is not None and now.order <= known.order:
            return
        noted = evolve(payment, metadata=with_standing(payment, told.id, now))
        await self._write(unit, payment, noted, told)

    async def _write(
        self, unit: UnitOfWork, was: Payment, noted: Payment, told: DisputeTold
    ) -> None:
        back = paid_back(await unit.refunds.of(was.tenant, was.signature))
        now = self._next(noted, told, back)
        moved = now.state is not was.state
        facts = facts_of(now) if moved else (_fact(now, told),)
        entries = (*(entries_of(now) if moved else ()), *await self._taken(unit, was, now, back))
        if not await unit.payments.amend(now, was.state, facts, entries):
            raise Unavailable  # it has changed meanwhile: look again
        if moved:
            await self._followed(unit, was, now)
        await self.subjects.returned(unit, now)
        _log.warning(
            "payment %s of %s is disputed (%s, %s): %s, %s",
            now.signature,
            now.amount,
            told.amount,
            told.reason,
            told.state,
            now.state,
        )

    async def _followed(self, unit: UnitOfWork, was: Payment, now: Payment) -> None:
        """Have whoever has to do with the payment hear that it is gone, or back."""
        if now.state is State.UNAPPLIED:
            await queue_refund(unit, now, self.random)
        elif was.state is State.UNAPPLIED:
            await withdraw_refund(unit, now)
        elif was.state is State.SETTLED:
            await self.subjects.undo(unit, now)
        else:
            await self.subjects.redo(unit, now)

    def _next(self, payment: Payment, told: DisputeTold, back: int) -> Payment:
        at, taken = self.clock.now(), taken_back(payment)
        gone = taken > 0 and taken + back >= paid_in_all(payment).minor
        if gone and payment.state in _HERE:
            why = Failed(code=Code.TRANSACTION_FAILED, reason=f"disputed: {told.reason}")
            # Nobody can look a card payment up as a chain's: its news come by themselves.
            return evolve(payment.reversed(at, why), watched=False)
        if not gone and payment.state is State.REVERSED:
            return arrived(payment, at, Settled(signature=payment.signature))
        return payment

    async def _taken(
        self, unit: UnitOfWork, was: Payment, now: Payment, back: int
    ) -> tuple[Entry, ...]:
        """Give the entry of what is taken or given back beside what the payment's end books."""
        turn = 1
        while await unit.ledger.entry(now.tenant, dispute_key(now, turn)) is not None:
            turn += 1
        entry = disputed(was, now, back, turn, self.clock.now())
        return () if entry is None else (entry,)


def _fact(payment: Payment, told: DisputeTold) -> Event:
    """Tell of a dispute that leaves its payment as it is."""
    fact = fact_of(PAYMENT_DISPUTED, payment)
    about: Mapping[str, object] = {
        "dispute": told.id,
        "disputedAmountCents": told.amount.minor,
        "disputeStatus": told.state.value,
        "reason": told.reason,
    }
    mark = f"{told.id}:{told.state}:{told.at.isoformat()}"
    name = event_id_of(fact.type, payment.tenant, payment.chain, payment.key, mark)
    return evolve(fact, id=name, at=told.at, body={**fact.body, **about})

"""Disputes: a payment whose money its owner has taken back at his bank, and may have to return.

While one is open or lost the payment is reversed; once it is won, it is settled again. A payment
remembers how each of its disputes stands, so that older news change nothing.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import define, evolve

from tillway.core.errors import Code, Unavailable
from tillway.core.payments import Failed, Payment, Settled, State
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.hosting import DisputeState, DisputeTold
from tillway.core.ports.store import UnitOfWork
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.paying.arrivals import arrived
from tillway.core.services.refunds.told import paid_with
from tillway.core.services.refunds.unapplied import queue_refund, withdraw_refund
from tillway.core.services.subjects import Subjects
from tillway.core.tenancy import Tenant

_PREFIX: Final = "stripe_dispute:"
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
        name = f"{_PREFIX}{told.id}"
        if _standing(told.state, told.at) <= _read(payment.metadata.get(name)):
            return
        noted = {**payment.metadata, name: f"{told.state} {told.at.isoformat()}"}
        await self._write(unit, payment, evolve(payment, metadata=noted), told)

    async def _write(
        self, unit: UnitOfWork, was: Payment, noted: Payment, told: DisputeTold
    ) -> None:
        now = self._next(noted, told)
        moved = now.state is not was.state
        facts, entries = (facts_of(now), entries_of(now)) if moved else ((), ())
        if not await unit.payments.amend(now, was.state, facts, entries):
            raise Unavailable  # it has changed meanwhile: look again
        if now.state is State.UNAPPLIED and moved:
            await queue_refund(unit, now, self.random)
        elif was.state is State.UNAPPLIED and moved:
            await withdraw_refund(unit, now)
        elif was.state is State.SETTLED and moved:
            await self.subjects.undo(unit, now)
        elif moved:
            await self.subjects.redo(unit, now)
        _log.warning(
            "payment %s of %s is disputed (%s): %s, %s",
            now.signature,
            now.amount,
            told.reason,
            told.state,
            now.state,
        )

    def _next(self, payment: Payment, told: DisputeTold) -> Payment:
        at, gone = self.clock.now(), _is_gone(payment.metadata)
        if gone and payment.state in _HERE:
            why = Failed(code=Code.TRANSACTION_FAILED, reason=f"disputed: {told.reason}")
            # Nobody can look a card payment up as a chain's: its news come by themselves.
            return evolve(payment.reversed(at, why), watched=False)
        if not gone and payment.state is State.REVERSED:
            return arrived(payment, at, Settled(signature=payment.signature))
        return payment


def _is_gone(metadata: Mapping[str, str]) -> bool:
    states = (text.partition(" ")[0] for name, text in metadata.items() if _is_dispute(name))
    return any(state != DisputeState.WON for state in states)


def _is_dispute(name: str) -> bool:
    return name.startswith(_PREFIX)


def _standing(state: DisputeState, at: datetime) -> tuple[int, str]:
    """Order news of one dispute: its end comes after its beginning, then what is newer."""
    return (0 if state is DisputeState.OPEN else 1, at.isoformat())


def _read(text: str | None) -> tuple[int, str]:
    if text is None:
        return (-1, "")
    state, _, at = text.partition(" ")
    return (0 if state == DisputeState.OPEN else 1, at)

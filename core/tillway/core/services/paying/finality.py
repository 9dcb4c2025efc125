"""Watch what was granted before it was final, and take it back if its money is gone (design 4).

Any process may run it, and any number of them: leases decide who looks at what.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from attrs import define, evolve, field, frozen

from tillway.core.errors import Unavailable
from tillway.core.payments import Failed, Missing, Outcome, Payment, PaymentKey, Settled, State
from tillway.core.ports.clock import Random
from tillway.core.ports.rails import KnowsFinality
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.paying.arrivals import arrived, too_late
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.resolve import signed_of
from tillway.core.services.rails import Rails
from tillway.core.services.refunds.unapplied import queue_refund, withdraw_refund
from tillway.core.services.subjects import Subjects

_log = logging.getLogger(__name__)

LOOK_AGAIN: Final = timedelta(seconds=15)
"""How long a payment that is not final yet is left alone between two looks.

A look must have ended by then, slow nodes and all: another process may take the next.
"""

LOOK_SELDOM: Final = timedelta(hours=1)
"""The longest time between two looks at a reversed payment."""

REVERSED_WATCH: Final = timedelta(hours=24)
"""How long a reversed payment is looked for. Nobody has ever proven such a thing wrong."""

_BATCH: Final = 100
_TRIES: Final = 4

Standing = Outcome | Missing


@frozen
class _Change:
    """What is to be written of a payment that is stored as ``was``."""

    was: Payment
    now: Payment

    @property
    def moves_money(self) -> bool:
        return self.was.state is not self.now.state


@define(kw_only=True)
class Finality:
    """Ask rails about watched payments, in batches, and write what has become of them.

    Missing ones that have granted something are sent again, the stored bytes and nothing else,
    beside the next sweep and for at most ``most_sending`` payments at a time. What bought
    nothing is not sent again: whoever wants nothing need not pay. ``least`` is that of
    `queue_refund`.
    """

    store: Store
    rails: Rails
    leases: Leases
    random: Random
    subjects: Subjects
    least: Decimal = Decimal(0)
    most_sending: int = 64
    _sending: dict[PaymentKey, asyncio.Task[None]] = field(factory=dict, init=False)

    async def sweep(self) -> int:
        """Look at all that is due, once, and tell how many are watched no more."""
        over = 0
        while found := await self._due():
            over += await self._looked(found)
            if len(found) < _BATCH:
                break
        return over

    async def aclose(self) -> None:
        """Stop sending. A repeat does nothing."""
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _due(self) -> Sequence[Payment]:
        owner, now = self.leases.new_owner(), self.leases.clock.now()
        async with self.store.begin(once=True) as unit:
            return await unit.payments.watch(owner, now, now + LOOK_AGAIN, _BATCH)

    async def _looked(self, found: Sequence[Payment]) -> int:
        stands = await self._standing(found)
        self._send([each for each in found if _is_to_be_sent(each, stands.get(each.key))])
        now = self.leases.clock.now()
        changes = [_Change(each, _next(each, stands.get(each.key), now)) for each in found]
        changes = [change for change in changes if change.now != change.was]
        quiet = [change for change in changes if not change.moves_money]
        await self._write_together(quiet)
        for change in changes:
            if change.moves_money:
                await self._write(change)
        return sum(not change.now.watched for change in changes)

    # Asking

    async def _standing(self, found: Sequence[Payment]) -> Mapping[PaymentKey, Standing]:
        by_rail: defaultdict[str, list[Payment]] = defaultdict(list)
        for payment in found:
            by_rail[payment.rail].append(payment)
        answers = await asyncio.gather(*(self._asked(*each) for each in by_rail.items()))
        return {key: standing for each in answers for key, standing in each.items()}

    async def _asked(self, name: str, some: Sequence[Payment]) -> Mapping[PaymentKey, Standing]:
        rail = self.rails.find(name)
        if rail is None:
            _log.error("%d payments wait for the rail %s, which is not configured", len(some), name)
            return {}
        if not isinstance(rail, KnowsFinality):
            return {each.key: Settled(signature=each.signature, slot=each.slot) for each in some}
        stands = await rail.standing([signed_of(each) for each in some])
        return {each.key: standing for each, standing in zip(some, stands, strict=True)}

    # Sending again

    def _send(self, missing: Iterable[Payment]) -> None:
        for payment in missing:
            if payment.key in self._sending or len(self._sending) >= self.most_sending:
                continue
            _log.warning("payment %s is missing, and is sent again", payment.signature)
            task = asyncio.create_task(self._sent(payment), name=f"again {payment.signature}")
            self._sending[payment.key] = task

    async def _sent(self, payment: Payment) -> None:
        # What comes of it is seen at the next look, whoever has that.
        try:
            await self.rails.taking(payment.rail).send(signed_of(payment))
        except Unavailable as away:
            _log.warning("payment %s could not be sent again: %s", payment.signature, away)
        finally:
            del self._sending[payment.key]

    # Writing

    async def _write_together(self, changes: Sequence[_Change]) -> None:
        """Write what moves no money in one commit: there is one for each payment ever taken."""
        if not changes:
            return
        async with self.store.begin() as unit:
            for change in changes:
                await unit.payments.amend(change.now, change.was.state)

    async def _write(self, change: _Change) -> None:
        """Write what moves money, each by itself: one that cannot be written stops no other.

        What others are in the way of is tried again, then left to the next look.
        """
        for attempt in range(_TRIES):
            try:
                await self._written(change)
            except Unavailable as away:
                _log.warning("payment %s is not written yet: %s", change.now.signature, away)
                await self.leases.clock.sleep(0.1 * 2**attempt)
            except Exception:  # whatever is wrong with this one
                _log.exception("payment %s cannot be written", change.now.signature)
                return
            else:
                return

    async def _written(self, change: _Change) -> None:
        async with self.store.begin() as unit:
            ours = await self._amended(unit, change)
        if ours:
            _tell(change)

    async def _amended(self, unit: UnitOfWork, change: _Change) -> bool:
        now = change.now
        if now.state is State.SETTLED and not await self.subjects.is_free(unit, now):
            now = too_late(now)
        facts, entries = facts_of(now), entries_of(now)
        if not await unit.payments.amend(now, change.was.state, facts, entries):
            return False
        if now.state is State.UNAPPLIED:
            await queue_refund(unit, now, self.random, self.least)
        elif now.state is State.REVERSED:
            await withdraw_refund(unit, now)
        if change.was.state is State.SETTLED:
            await self.subjects.undo(unit, now)
        elif now.state is State.SETTLED:
            await self.subjects.redo(unit, now)
        else:
            await self.subjects.kept(unit, now)
        return True


def _is_to_be_sent(payment: Payment, standing: Standing | None) -> bool:
    return payment.state is State.SETTLED and isinstance(standing, Missing)


def _next(payment: Payment, standing: Standing | None, now: datetime) -> Payment:
    """Give a payment as what is known now makes it; unchanged if that is nothing new."""
    if payment.state is State.REVERSED:
        return _after_reversal(payment, standing, now)
    if isinstance(standing, Settled) and standing.final:
        return evolve(payment, watched=False)
    if isinstance(standing, Failed):
        return payment.reversed(now, standing)
    return payment


def _after_reversal(payment: Payment, standing: Standing | None, now: datetime) -> Payment:
    if isinstance(standing, Settled):
        return arrived(payment, now, standing)
    gone = now - (payment.ended_at or payment.created_at)
    if gone >= REVERSED_WATCH:
        return evolve(payment, watched=False)
    pause = min(max(gone / 4, LOOK_AGAIN), LOOK_SELDOM)
    return evolve(payment, lease_until=now + pause)


def _tell(change: _Change) -> None:
    now = change.now
    if now.state is State.REVERSED:
        _log.error(
            "payment %s of %s is gone (%s): it is reversed", now.signature, now.amount, now.reason
        )
    else:
        _log.warning("payment %s of %s has arrived after all", now.signature, now.amount)

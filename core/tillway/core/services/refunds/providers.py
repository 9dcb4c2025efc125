"""Pay refunds back through the provider that took the money, and hear what became of them.

An approved refund is the intent, stored first; its id is the key of whatever we ask for. What
stays unanswered is looked up by that id, by a worker, until its end is known.
"""

import logging
from datetime import datetime

from attrs import define, evolve

from tillway.core.assets import AssetKind
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.ids import STRIPE_PREFIX
from tillway.core.observations import Observer, RefundCompleted
from tillway.core.payments import Payment
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import PaidBack, PayBack, PayBackState, PaysBack
from tillway.core.ports.rails import Rail
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.hosted.payments import MONEY
from tillway.core.services.rails import Rails
from tillway.core.services.refunds.approved import approved
from tillway.core.services.refunds.booking import (
    book_refund,
    fail_refund,
    unbook_refund,
)
from tillway.core.services.subjects import Subjects
from tillway.core.services.turns import Turn

_log = logging.getLogger(__name__)


def is_of_provider(refund: Refund) -> bool:
    """Tell whether a refund is paid by the provider that took its money: what cards have paid."""
    return refund.amount.asset.kind is AssetKind.FIAT


@define(kw_only=True)
class ProviderRefunds:
    """Ask providers to pay back, once a refund. ``turn`` is that of the worker."""

    store: Store
    rails: Rails
    clock: Clock
    observe: Observer
    subjects: Subjects
    turn: Turn

    def refusal(self, refund: Refund, paid: Payment | None) -> Declined | None:
        """Say why a refund cannot be paid back here, if it is one for a provider."""
        if not is_of_provider(refund) or paid is None or self._rail(paid) is not None:
            return None
        text = f"payments by {paid.rail} cannot be paid back by this gateway"
        return Declined(Code.INVALID_RESOURCE, text, details={"method": paid.method})

    async def pay(self, refund: Refund, paid: Payment) -> Refund:
        """Pay an approved refund back and give it as it then stands: processed, or approved yet.

        A repeat pays nothing more. Declined for what the provider refuses: it is denied then,
        and told.
        """
        rail = self._rail(paid)
        if rail is None:
            return refund
        try:
            told = await self._told(rail, refund, paid)
        except (Unavailable, Unsettled) as silent:
            _log.warning("refund %s waits for its provider: %s", refund.id, silent)
            return refund
        except Declined as refusal:
            await self._refused(refund, refusal)
            raise
        return await self._written(refund, paid, told)

    async def run(self) -> int:
        """Sweep if it is due and our turn; tell how many ended."""
        if not await self.turn.begin():
            return 0
        ended = await self.sweep()
        await self.turn.done()
        return ended

    async def sweep(self) -> int:
        """Finish what was approved and has no end yet; tell how many ended.

        Harmless to whoever does it too: a refund's id is its key.
        """
        ended = 0
        async for found in approved(self.store):
            for refund in filter(is_of_provider, found):
                ended += await self._finished(refund)
        return ended

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()

    # Asking

    def _rail(self, paid: Payment) -> PaysBack | None:
        named: list[Rail] = [rail for rail in self.rails.all if rail.name == paid.rail]
        return next((rail for rail in named if isinstance(rail, PaysBack)), None)

    async def _told(self, rail: PaysBack, refund: Refund, paid: Payment) -> PaidBack:
        """Ask for it under the refund's id, which makes every repeat the first."""
        asked = PayBack(
            payment=await self._money(paid),
            amount=refund.amount,
            reference=refund.id,
            metadata={"refund_id": refund.id},
        )
        return await rail.pay_back(asked)

    async def _money(self, paid: Payment) -> str:
        """Give the provider's name for what was paid."""
        session = paid.signature.removeprefix(STRIPE_PREFIX)
        async with self.store.view(once=True) as view:
            checkout = await view.checkouts.by_session(paid.tenant, paid.rail, session)
        named = None if checkout is None else checkout.paid_with
        return named or paid.metadata.get(MONEY) or session

    async def _finished(self, refund: Refund) -> bool:
        async with self.store.view(once=True) as view:
            paid = await view.payments.by_signature(refund.tenant, refund.purchase)
        if paid is None:
            return False
        try:
            now = await self.pay(refund, paid)
        except TillwayError as error:
            _log.error("refund %s is not paid back: %s", refund.id, error)
            return True
        return now.state is not RefundState.APPROVED

    # Writing

    async def _refused(self, refund: Refund, refusal: Declined) -> None:
        async with self.store.begin() as unit:
            ours = await fail_refund(unit, _at(refund, self.clock.now()), refusal.code.value)
        if ours:
            self._observed(refund, refusal.code.value)

    async def _written(self, refund: Refund, paid: Payment, told: PaidBack) -> Refund:
        async with self.store.begin() as unit:
            await self._apply(unit, refund, paid, told, self.clock.now())
        async with self.store.view(once=True) as view:
            return await view.refunds.get(refund.tenant, refund.id) or refund

    async def _apply(
        self, unit: UnitOfWork, refund: Refund, paid: Payment, told: PaidBack, now: datetime
    ) -> bool:
        if told.state is PayBackState.DONE:
            return await self._processed(unit, refund, paid, told, now)
        if told.state is PayBackState.FAILED and refund.state is RefundState.PROCESSED:
            return await self._taken_back(unit, refund, paid, told, now)
        if told.state is PayBackState.FAILED:
            failed = await fail_refund(unit, _at(refund, now), "failed at its provider")
            if failed:
                self._observed(refund, "failed")
            return failed
        return False

    async def _processed(
        self, unit: UnitOfWork, refund: Refund, paid: Payment, told: PaidBack, now: datetime
    ) -> bool:
        done = evolve(
            _at(refund, now),
            state=RefundState.PROCESSED,
            processed_by=paid.rail,
            signature=told.id,
        )
        waits = (RefundState.APPROVED, RefundState.PENDING)
        if not await unit.refunds.move(done, waits):
            return False
        await book_refund(unit, done, paid)
        await self.subjects.returned(unit, paid)
        self._observed(refund, None)
        return True

    async def _taken_back(
        self, unit: UnitOfWork, refund: Refund, paid: Payment, told: PaidBack, now: datetime
    ) -> bool:
        """Write that a refund failed after it had gone out: its money is back with us."""
        if refund.signature != told.id:
            return False
        failed = evolve(_at(refund, now), state=RefundState.DENIED)
        if not await unit.refunds.move(failed, (RefundState.PROCESSED,)):
            return False
        await unbook_refund(unit, _at(refund, now), paid)
        await self.subjects.returned(unit, paid)
        return True

    def _observed(self, refund: Refund, reason: str | None) -> None:
        seconds = (self.clock.now() - refund.created_at).total_seconds()
        self.observe(
            RefundCompleted(method="card", amount=refund.amount, seconds=seconds, reason=reason)
        )


def _at(refund: Refund, now: datetime) -> Refund:
    return evolve(refund, processed_at=now)

"""Refunds that a provider tells of: ours, and those that somebody made in its own pages.

Each is written once: by its id where that is told, otherwise as what the sum of all has grown by.
Whatever the order of the news, what is written comes to what has gone back.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import define, evolve

from tillway.core.ids import RefundId
from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment
from tillway.core.ports.hosting import DisputeTold, PaidBack, PayBackState, PayBackTold
from tillway.core.ports.store import UnitOfWork
from tillway.core.refunds import LIVE, NEVER, Refund, RefundState
from tillway.core.services.hosted.incoming import NotYet
from tillway.core.services.hosted.payments import signature_of
from tillway.core.services.refunds.booking import book_refund, unbook_refund
from tillway.core.services.subjects import Subjects
from tillway.core.tenancy import Tenant

ELSEWHERE: Final = "stripe"
"""The origin of a refund that was made at the provider, not here."""

_UNDECIDED: Final = (RefundState.PENDING, RefundState.APPROVED)
_log = logging.getLogger(__name__)


async def paid_with(
    unit: UnitOfWork, tenant: Tenant, source: str, told: PayBackTold | DisputeTold
) -> Payment:
    """Find the payment that news are of, by its money or its invoice; NotYet if there is none."""
    checkout = await unit.checkouts.by_payment(tenant, source, told.payment)
    named = told.invoice if checkout is None else checkout.session
    payment = await unit.payments.by_signature(tenant, signature_of(named)) if named else None
    if payment is None:
        raise NotYet
    return payment


@define(kw_only=True)
class RefundNews:
    """Apply news of refunds."""

    subjects: Subjects

    async def apply(self, unit: UnitOfWork, tenant: Tenant, source: str, told: PayBackTold) -> None:
        """Write what has gone back and is not written. NotYet if what was paid is not known."""
        payment = await paid_with(unit, tenant, source, told)
        failed = 0
        for refund in told.refunds:
            stored = await self._stored(unit, payment, refund)
            if stored is not None and stored.state is RefundState.DENIED:
                failed += refund.amount.minor  # heard before; this is older
            else:
                await self._told(unit, payment, refund, stored, told)
        await self._sum(unit, payment, told, failed)
        await self.subjects.returned(unit, payment)

    async def _told(
        self,
        unit: UnitOfWork,
        payment: Payment,
        refund: PaidBack,
        stored: Refund | None,
        told: PayBackTold,
    ) -> None:
        at = told.at
        if refund.state is PayBackState.FAILED:
            await self._failed(unit, payment, refund, stored, at)
        elif refund.state is PayBackState.DONE and stored is None:
            await self._named(unit, payment, refund, told)
        elif refund.state is PayBackState.DONE and stored and stored.state in _UNDECIDED:
            done = evolve(stored, state=RefundState.PROCESSED, processed_at=at, signature=refund.id)
            if await unit.refunds.move(done, _UNDECIDED):
                await book_refund(unit, done, payment)

    async def _named(
        self, unit: UnitOfWork, payment: Payment, refund: PaidBack, told: PayBackTold
    ) -> None:
        """Write a refund, but for what the sum of all has shown of it before."""
        if told.total is None:
            return  # the sum will tell, whose news have it once
        written = _total(
            await unit.refunds.of(payment.tenant, payment.signature), RefundState.PROCESSED
        )
        left = min(refund.amount.minor, told.total.minor - written)
        if left > 0 and refund.amount.asset == payment.amount.asset:
            part = evolve(refund, amount=evolve(refund.amount, minor=left))
            await self._add(unit, payment, _made_elsewhere(payment, part, told.at))

    async def _stored(self, unit: UnitOfWork, payment: Payment, refund: PaidBack) -> Refund | None:
        if refund.reference is not None:
            ours = await unit.refunds.get(payment.tenant, RefundId(refund.reference))
            if ours is not None and ours.purchase == payment.signature:
                return ours
        return await unit.refunds.get(payment.tenant, _name(refund.id))

    async def _failed(
        self,
        unit: UnitOfWork,
        payment: Payment,
        refund: PaidBack,
        stored: Refund | None,
        at: datetime,
    ) -> None:
        """Take back what was written of a refund that came to nothing, or note that it did."""
        if stored is None:
            await self._take_back_sum(unit, payment, refund, at)
            never = _made_elsewhere(payment, refund, at)
            await self._fit(unit, payment, never)
            await unit.refunds.move(_denied(never, at), [RefundState.PROCESSED])
        elif stored.state is RefundState.PROCESSED:
            gone = _denied(stored, at)
            if await unit.refunds.move(gone, [RefundState.PROCESSED]):
                await unbook_refund(unit, gone, payment)

    async def _take_back_sum(
        self, unit: UnitOfWork, payment: Payment, refund: PaidBack, at: datetime
    ) -> None:
        """Take back what only the sum has told: a refund of as much, or part of one of more."""
        stored = await unit.refunds.of(payment.tenant, payment.signature)
        of_sum = [each for each in stored if _is_of_sum(each) and _holds(each, refund)]
        if not of_sum:
            return
        least = min(of_sum, key=lambda each: each.amount.minor)
        await self._failed(unit, payment, refund, least, at)
        left = least.amount.minor - refund.amount.minor
        if left:
            rest = PaidBack(
                id=f"{least.signature}:{refund.id}",
                amount=Money(left, refund.amount.asset),
                state=PayBackState.DONE,
            )
            await self._add(unit, payment, _made_elsewhere(payment, rest, at))

    async def _sum(
        self, unit: UnitOfWork, payment: Payment, told: PayBackTold, failed: int
    ) -> None:
        """Write what the sum has grown by beyond all that is known one by one."""
        if told.total is None:
            return
        stored = await unit.refunds.of(payment.tenant, payment.signature)
        done = _total(stored, RefundState.PROCESSED)
        on_its_way = sum(
            each.amount.minor
            for each in told.refunds
            if each.state is PayBackState.PENDING and each.amount.asset == payment.amount.asset
        )
        more = told.total.minor - done - on_its_way - failed - _failed_since(stored, told)
        if more <= 0 or told.total.asset != payment.amount.asset:
            return
        if _total(stored, RefundState.APPROVED) and not told.refunds:
            raise NotYet  # one of ours may be what it has grown by
        grown = PaidBack(
            id=f"{told.payment}:{told.total.minor}",
            amount=Money(more, told.total.asset),
            state=PayBackState.DONE,
        )
        await self._add(unit, payment, _made_elsewhere(payment, grown, told.at))

    async def _add(self, unit: UnitOfWork, payment: Payment, refund: Refund) -> None:
        await self._fit(unit, payment, refund)
        await book_refund(unit, refund, payment)

    async def _fit(self, unit: UnitOfWork, payment: Payment, refund: Refund) -> None:
        """Write what is true of money, whatever was planned with it here."""
        limit = paid_in_all(payment)
        if not await unit.refunds.add(refund, limit):
            await self._make_room(unit, refund)
            stored = await unit.refunds.of(refund.tenant, refund.purchase)
            live = sum(each.amount.minor for each in stored if each.state in LIVE)
            most = max(limit.minor, live + refund.amount.minor)
            await unit.refunds.add(refund, evolve(limit, minor=most))

    async def _make_room(self, unit: UnitOfWork, refund: Refund) -> None:
        for other in await unit.refunds.of(refund.tenant, refund.purchase):
            if other.state is RefundState.PENDING:
                _log.warning("refund %s is denied: its money went back at the provider", other.id)
                denied = _denied(other, refund.processed_at)
                await unit.refunds.move(denied, [RefundState.PENDING])


def _is_of_sum(refund: Refund) -> bool:
    """Tell whether only the sum has told of it."""
    return refund.origin == ELSEWHERE and ":" in (refund.signature or "")


def _holds(told: Refund, refund: PaidBack) -> bool:
    same = told.amount.asset == refund.amount.asset
    gone = told.state is RefundState.PROCESSED
    return gone and same and told.amount.minor >= refund.amount.minor


def _failed_since(stored: Sequence[Refund], told: PayBackTold) -> int:
    """Give what came to nothing after a sum was told, and so was part of it."""
    listed = {name for each in told.refunds for name in (_name(each.id), each.reference)}
    some = (
        each
        for each in stored
        if each.state is RefundState.DENIED
        and each.signature is not None
        and not _is_of_sum(each)
        and each.id not in listed
        and each.processed_at is not None
        and each.processed_at >= told.at
    )
    return sum(each.amount.minor for each in some)


def _made_elsewhere(payment: Payment, refund: PaidBack, at: datetime) -> Refund:
    return Refund(
        id=_name(refund.id),
        tenant=payment.tenant,
        purchase=payment.signature,
        recipient=payment.refund_to or payment.payer,
        amount=refund.amount,
        created_at=at,
        expires_at=NEVER,
        reason="made at the provider",
        origin=ELSEWHERE,
        state=RefundState.PROCESSED,
        processed_at=at,
        processed_by=ELSEWHERE,
        signature=refund.id,
    )


def _denied(refund: Refund, at: datetime | None) -> Refund:
    return evolve(refund, state=RefundState.DENIED, processed_at=at)


def _name(refund: str) -> RefundId:
    """Name a refund by the provider's id, so that it is one however often it is told."""
    return RefundId(f"refund_{hashlib.sha256(refund.encode()).hexdigest()[:32]}")


def _total(refunds: Sequence[Refund], state: RefundState) -> int:
    return sum(each.amount.minor for each in refunds if each.state is state)

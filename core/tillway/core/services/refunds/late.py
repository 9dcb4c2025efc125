"""Refunds that were paid although they were not due: what fits into what was paid is one.

All of it is booked as owed by its receiver with the end of its payment. What fits is taken off that
and takes its share like every refund, so that nobody asks for the same money again.
"""

import hashlib
from typing import Final

from attrs import evolve

from tillway.core.ids import RefundId
from tillway.core.ledger import Entry, EntryKey
from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment, State
from tillway.core.ports.store import UnitOfWork
from tillway.core.refunds import LIVE, NEVER, Refund, RefundState
from tillway.core.services.books.bookkeeping import excess_of, opposite
from tillway.core.services.refunds.booking import book_refund, unbook_refund

LATE: Final = "late"
"""The origin of a refund that was paid after it had been denied, or a second time."""

_WAITING: Final = (RefundState.APPROVED, RefundState.PENDING)
_TRIES: Final = 4


async def take_share(unit: UnitOfWork, payment: Payment) -> None:
    """Have what went out take its share of what was paid, in the unit that ends its payment.

    The refund that it was sent for is done by it where that still waits and is of as much; else
    another one is written, of what fits. Nothing is where the purchase is gone, or not known.
    """
    asked, paid = await _known(unit, payment)
    if asked is None or paid is None or paid.state not in (State.SETTLED, State.UNAPPLIED):
        return
    done = await _done(unit, payment, asked, paid)
    if done is not None:
        await unit.ledger.post(_share(payment, done.amount))
        await book_refund(unit, done, paid, source=payment.payer, turn=payment.turn)


async def give_share_back(unit: UnitOfWork, payment: Payment) -> None:
    """Undo it, in the unit that reverses the payment: what was asked for is approved again."""
    asked, paid = await _known(unit, payment)
    late = await unit.refunds.get(payment.tenant, _name(payment))
    for refund, becomes in ((asked, RefundState.APPROVED), (late, RefundState.DENIED)):
        if paid is None or refund is None or refund.signature != payment.signature:
            continue
        if await unit.refunds.move(_undone(refund, becomes), (RefundState.PROCESSED,)):
            await unit.ledger.post(opposite(_share(payment, refund.amount)))
            gone = evolve(refund, processed_at=payment.ended_at)
            await unbook_refund(unit, gone, paid, source=payment.payer, turn=payment.turn)


async def _known(unit: UnitOfWork, payment: Payment) -> tuple[Refund | None, Payment | None]:
    """Give the refund that a payment was sent for, and the purchase that it is of."""
    refund = await unit.refunds.get(payment.tenant, RefundId(payment.purchase.resource))
    if refund is None or refund.amount.asset != payment.amount.asset:
        return None, None
    return refund, await unit.payments.by_signature(refund.tenant, refund.purchase)


async def _done(unit: UnitOfWork, payment: Payment, asked: Refund, paid: Payment) -> Refund | None:
    done = paid_by(asked, payment)
    if asked.amount == payment.amount and await unit.refunds.move(done, _WAITING):
        return done
    limit = paid_in_all(paid)
    for _ in range(_TRIES):  # others may take their shares meanwhile
        known = await unit.refunds.of(paid.tenant, paid.signature)
        left = limit.minor - sum(each.amount.minor for each in known if each.state in LIVE)
        fits = min(left, payment.amount.minor)
        if fits <= 0:
            return None
        late = _late(payment, asked, evolve(limit, minor=fits))
        if await unit.refunds.add(late, limit):
            return late
    return None


def paid_by(refund: Refund, payment: Payment) -> Refund:
    """Give a refund as it stands once this payment has paid it."""
    return evolve(
        refund,
        state=RefundState.PROCESSED,
        processed_at=payment.ended_at or payment.created_at,
        processed_by=payment.payer,
        signature=payment.signature,
    )


def _late(payment: Payment, asked: Refund, amount: Money) -> Refund:
    at = payment.ended_at or payment.created_at
    made = evolve(
        asked, id=_name(payment), amount=amount, created_at=at, expires_at=NEVER, origin=LATE
    )
    return paid_by(made, payment)


def _name(payment: Payment) -> RefundId:
    """Name it by the turn of its payment, so that it is one however often it is written."""
    text = f"{payment.chain}:{payment.key}:{payment.turn}"
    return RefundId(f"refund_{hashlib.sha256(text.encode()).hexdigest()[:32]}")


def _undone(refund: Refund, becomes: RefundState) -> Refund:
    if becomes is RefundState.DENIED:
        return evolve(refund, state=becomes)
    return evolve(refund, state=becomes, processed_at=None, processed_by=None, signature=None)


def _share(payment: Payment, amount: Money) -> Entry:
    """Give the entry that takes what fits off what its receiver owes."""
    (owed,) = excess_of(evolve(payment, amount=amount, state=State.UNAPPLIED))
    return evolve(opposite(owed), key=EntryKey(f"{owed.key}:share"))

"""Money that bought nothing: kept, booked to whoever paid it, and queued to be given back."""

import logging
from decimal import Decimal
from typing import Final

from attrs import define, evolve

from tillway.core.assets import AssetKind
from tillway.core.ids import new_refund_id
from tillway.core.money import Money
from tillway.core.payments import Failed, Payment, Settled
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import Claimed, Store, Taken, UnitOfWork
from tillway.core.quotes import Purpose
from tillway.core.refunds import NEVER, UNAPPLIED, Refund, RefundState
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.paying.arrivals import arrived

_log = logging.getLogger(__name__)


@define(kw_only=True)
class UnappliedMoney:
    """Keep money that a provider has shown to be ours, and that buys nothing."""

    store: Store
    clock: Clock
    random: Random
    least: Decimal = Decimal(0)

    async def keep(self, payment: Payment, refusal: Failed, word: Settled) -> Payment:
        """Book a payment that was never claimed, with its refund; give it as it stands.

        All in one commit, for who knows of the arrival before there is a claim: a checkout that
        was paid twice, or with another amount. A repeat changes nothing and gives the first. A
        payment that must be looked up is claimed as ``Payment.kept`` instead, and ended.
        """
        async with self.store.begin() as unit:
            return await self.keep_in(unit, payment, refusal, word)

    async def keep_in(
        self, unit: UnitOfWork, payment: Payment, refusal: Failed, word: Settled
    ) -> Payment:
        """Do as ``keep`` in a unit of the caller's, with whatever else must be true with it."""
        claim = payment.kept(refusal)
        result = await unit.payments.claim(claim)
        if isinstance(result, Taken):
            return result.payment
        if not isinstance(result, Claimed):
            raise TypeError("what takes nothing cannot be refused")
        ended = arrived(claim, self.clock.now(), word)
        await unit.payments.settle(ended, facts_of(ended), entries_of(ended))
        await queue_refund(unit, ended, self.random, self.least)
        tell_unapplied(ended)
        return ended


async def queue_refund(
    unit: UnitOfWork, payment: Payment, random: Random, least: Decimal = Decimal(0)
) -> bool:
    """Queue the refund of an unapplied payment, in the unit that has ended it.

    It goes to whose the money was, who need not be the one that was allowed to move it, and
    waits until it is decided, however long that takes. False, and nothing queued, for less than
    ``least`` of a token, in major units: it stays booked to its payer, but dust fills no queue.
    Nor is what went to a customer, or was refunded before its payment was reversed and arrived
    again: what is live of it is all that can be given back.
    """
    if payment.purchase.purpose is Purpose.REFUND or is_dust(payment.amount, least):
        return False
    at = payment.ended_at or payment.created_at
    refund = Refund(
        id=new_refund_id(random),
        tenant=payment.tenant,
        purchase=payment.signature,
        recipient=payment.refund_to or payment.payer,
        amount=payment.amount,
        created_at=at,
        expires_at=NEVER,
        reason=f"unapplied: {payment.code}",
        origin=UNAPPLIED,
    )
    return await unit.refunds.add(refund, payment.amount)


def is_dust(amount: Money, least: Decimal) -> bool:
    """Tell whether an amount is nothing, or of a token below ``least``, in major units."""
    if amount.minor == 0:
        return True
    return amount.asset.kind is not AssetKind.FIAT and Decimal(amount.to_major()) < least


async def withdraw_refund(unit: UnitOfWork, payment: Payment) -> None:
    """End the refunds of money that is gone, in the unit that reverses the payment.

    Nobody is given back what did not arrive, whether he asked for it or not.
    """
    for refund in await unit.refunds.of(payment.tenant, payment.signature):
        if refund.state in _WAITING:
            ended = evolve(refund, state=RefundState.DENIED, processed_at=payment.ended_at)
            await unit.refunds.move(ended, _WAITING)


_WAITING: Final = (RefundState.PENDING, RefundState.APPROVED)


def tell_unapplied(payment: Payment) -> None:
    """Log what waits for somebody's decision. A signature is public."""
    _log.warning(
        "payment %s of %s bought nothing (%s) and waits for a refund",
        payment.signature,
        payment.amount,
        payment.code,
    )

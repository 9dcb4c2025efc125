"""What becomes of a checkout when its provider says that its session was paid, or is over.

The provider's word is compared with the checkout that we have stored: only what fits is granted.
Money that does not fit is kept to be given back. News may come twice and in any order: being paid
counts more than being over, whatever was heard first. What is told while the checkout is still
being opened, and nobody knows yet what it comes to, waits.
"""

import logging
from datetime import datetime
from typing import Final

from attrs import define, evolve

from tillway.core.checkouts import ENDED_WITHOUT_PAY, UNPAID, Checkout, CheckoutId, CheckoutState
from tillway.core.errors import Code, Unavailable
from tillway.core.ids import CartId
from tillway.core.money import Money
from tillway.core.payments import Failed, Payment, Settled
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import HostedSession, SessionStatus, SessionTold
from tillway.core.ports.store import Claimed, UnitOfWork
from tillway.core.ports.subscribing import HearsSubscriptions
from tillway.core.quotes import Purpose
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.hosted.checkouts import OPENING
from tillway.core.services.hosted.incoming import Contradicts, NotYet
from tillway.core.services.hosted.payments import (
    MONEY,
    is_gone_through,
    payment_of,
    signature_of,
)
from tillway.core.services.paying.grants import grant_of
from tillway.core.services.refunds.unapplied import UnappliedMoney
from tillway.core.services.subjects import Subjects
from tillway.core.tenancy import Tenant

_NAMES: Final = ("tillway_checkout", "tillway_tenant", "tillway_purpose", "resource_id")
"""What a rail and we note with a session: if it is there, it must be what we have stored."""

_log = logging.getLogger(__name__)


@define(kw_only=True)
class Sessions:
    """Apply news of sessions, in units of whoever has heard them."""

    clock: Clock
    unapplied: UnappliedMoney
    subjects: Subjects
    owner: str
    subscriptions: HearsSubscriptions | None = None

    async def apply(
        self, unit: UnitOfWork, tenant: Tenant, source: str, told: SessionTold
    ) -> Payment | None:
        """Write what the news mean, once; give the payment that was settled, if one was.

        Sessions of others, which refer to no checkout of this tenant, change nothing. Raises NotYet
        where the answer to our opening is still on its way, and Contradicts for money that has
        paid another checkout.
        """
        session = told.session
        checkout = await _found(unit, tenant, source, session)
        if checkout is None:
            _log.info("session %s is no checkout of ours", session.id)
        elif is_gone_through(session) and not told.failed:
            return await self._paid(unit, checkout, session)
        elif told.failed:
            await _over(unit, checkout, session, CheckoutState.FAILED)
        elif session.status is SessionStatus.EXPIRED:
            await _over(unit, checkout, session, CheckoutState.EXPIRED)
        return None

    async def _paid(
        self, unit: UnitOfWork, checkout: Checkout, session: HostedSession
    ) -> Payment | None:
        now = self.clock.now()
        whole = _whole(session)
        if whole is None or session.amount is None:
            _log.error("session %s was paid and names no amount", session.id)
            return None
        payment = payment_of(checkout, session, session.amount, owner=self.owner, at=now)
        if await unit.payments.find(payment.chain, payment.key) is not None:
            return None
        if _is_opening(checkout, now):
            raise NotYet
        await _refuse_money_of_another(unit, checkout, session)
        fault = _fault(checkout, session)
        ended = payment.settled(now, None, grant_of(payment))
        if fault is None:
            fault = await self._refused(unit, checkout, session, ended)
        if fault is not None:
            await self._kept(unit, checkout, evolve(payment, amount=whole), fault)
            return None
        await self._settled(unit, checkout, session, payment, ended)
        return ended

    async def _refused(
        self, unit: UnitOfWork, checkout: Checkout, session: HostedSession, ended: Payment
    ) -> Failed | None:
        """Have what was bought take the payment; say why it cannot."""
        purchase, at = checkout.purchase, ended.created_at
        if purchase.purpose is Purpose.CART:
            cart = CartId(purchase.resource)
            paid = await unit.carts.pay(checkout.tenant, cart, ended.signature, ended.payer, at)
            # One that is gone by now was this checkout's alone: nobody else can have paid it.
            if not paid and await unit.carts.get(checkout.tenant, cart) is not None:
                return Failed(code=Code.CART_ALREADY_PAID, reason="the cart was paid before")
        hears = self.subscriptions if purchase.purpose is Purpose.SUBSCRIPTION else None
        if hears is not None and not await hears.begin(unit, checkout, session, ended):
            return Failed(code=Code.PAYMENT_ALREADY_USED, reason="it buys no subscription")
        return None

    async def _settled(
        self,
        unit: UnitOfWork,
        checkout: Checkout,
        session: HostedSession,
        payment: Payment,
        ended: Payment,
    ) -> None:
        paid = evolve(
            checkout,
            state=CheckoutState.PAID,
            session=session.id,
            paid_at=ended.ended_at,
            paid_with=session.payment,
        )
        moved = await unit.checkouts.move(paid, UNPAID | ENDED_WITHOUT_PAY)
        if not moved or not isinstance(await unit.payments.claim(payment), Claimed):
            raise Unavailable  # another process was quicker: look again what it has written
        await unit.payments.settle(ended, facts_of(ended), entries_of(ended))
        subject = self.subjects.find(checkout.purchase)
        if subject is not None and subject.writes:
            await subject.fulfil(unit, ended)

    async def _kept(
        self, unit: UnitOfWork, checkout: Checkout, payment: Payment, fault: Failed
    ) -> None:
        """Keep money that does not fit, and end a checkout whose own session brought it."""
        _log.error(
            "session %s does not pay checkout %s: %s", payment.signature, checkout.id, fault.reason
        )
        if payment.amount.minor:  # of nothing there is nothing to give back
            await self.unapplied.keep_in(unit, payment, fault, Settled(signature=payment.signature))
        if signature_of(checkout.session or "") == payment.signature:
            money = payment.metadata.get(MONEY)
            over = evolve(checkout, state=CheckoutState.FAILED, paid_with=money)
            await unit.checkouts.move(over, UNPAID | ENDED_WITHOUT_PAY)


async def _found(
    unit: UnitOfWork, tenant: Tenant, source: str, session: HostedSession
) -> Checkout | None:
    if session.reference is None:
        return await unit.checkouts.by_session(tenant, source, session.id)
    found = await unit.checkouts.get(tenant, CheckoutId(session.reference))
    return found if found is not None and found.provider == source else None


def _is_opening(checkout: Checkout, now: datetime) -> bool:
    """Tell whether the provider's answer, which says what is due, may yet be written."""
    unanswered = checkout.state is CheckoutState.OPENING and checkout.amount is None
    return unanswered and now < checkout.created_at + OPENING


async def _refuse_money_of_another(
    unit: UnitOfWork, checkout: Checkout, session: HostedSession
) -> None:
    """Refuse to count money twice: kept to be given back, it would be taken from the other."""
    if not session.payment:
        return
    other = await unit.checkouts.by_payment(checkout.tenant, checkout.provider, session.payment)
    if other is not None and other.id != checkout.id:
        reason = f"{session.payment} of {session.id} has paid checkout {other.id}"
        raise Contradicts(Code.PAYMENT_ALREADY_USED, reason)


async def _over(
    unit: UnitOfWork, checkout: Checkout, session: HostedSession, state: CheckoutState
) -> None:
    """End an unpaid checkout, if it is this session's: then nobody can pay it any more."""
    if checkout.session in (None, session.id):
        await unit.checkouts.move(evolve(checkout, state=state, session=session.id), UNPAID)


def _whole(session: HostedSession) -> Money | None:
    """Give all that was paid, with what is recorded apart."""
    if session.amount is None:
        return None
    parts = [part for part in (session.tax, session.shipping) if part is not None]
    return sum((part for part in parts if part.asset == session.amount.asset), session.amount)


def _fault(checkout: Checkout, session: HostedSession) -> Failed | None:
    """Say where a session differs from what we have stored."""
    if checkout.session not in (None, session.id):
        return _differs("the checkout has another session")
    if checkout.amount is None or session.amount != checkout.amount:
        reason = f"paid {session.amount}, asked for {checkout.amount}"
        return Failed(code=Code.AMOUNT_MISMATCH, reason=reason)
    purchase = checkout.purchase
    ours = (checkout.id, checkout.tenant, purchase.purpose.value, purchase.resource)
    for name, value in zip(_NAMES, ours, strict=True):
        if session.metadata.get(name, value) != value:
            return _differs(f"its {name} is another")
    return None


def _differs(reason: str) -> Failed:
    return Failed(code=Code.INVALID_PAYMENT_PROOF, reason=reason)

"""What a request to something that costs money gets.

In this order: a proof is settled; who has subscribed, or shows a paid session, is let in; what
costs nothing is granted; everybody else gets offers. Whatever has to be paid is paid, and written
down, before anything of it is given away.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from tillway.core.errors import Declined, TillwayError, Unsettled
from tillway.core.payments import Payment, Purchase
from tillway.core.ports.rails import Proof
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.paying.repeats import FREE_REPEATS
from tillway.entrypoints.paywall.access import PaidSession, Sessions, Subscribers
from tillway.entrypoints.paywall.reasons import WITH_OFFER, reason_of
from tillway.entrypoints.paywall.receipts import failed_receipt, receipt
from tillway.entrypoints.paywall.replies import (
    NO_STORE,
    PAYMENT_REQUIRED_TEXT,
    PRIVATE,
    Reply,
    challenge,
    refusal,
)
from tillway.entrypoints.paywall.request import Request, asked_in, proof_in

SUBSCRIPTION: Final = "subscription"

_OURS: Final = 500
_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Admitted:
    """The request may have what it asks for.

    ``grant`` says so in the words of the contract, and ``headers`` belong on the answer.
    ``payment`` is what was paid, None for subscribers; it runs a handler once, and until ``until``
    the same request gets the same answer. ``request`` is a hash of how it was asked.
    """

    method: str
    grant: Mapping[str, object]
    headers: Mapping[str, str]
    request: str
    payment: Payment | None = None
    until: datetime | None = None

    @property
    def payer(self) -> str | None:
        """Who paid, or has subscribed, as the rail names him."""
        wallet = self.grant.get("wallet")
        return wallet if isinstance(wallet, str) else None


Decision = Admitted | Reply


@define(kw_only=True)
class Paywall:
    """Decide what requests get. No framework is known here."""

    services: Services
    subscribers: Subscribers | None = None
    sessions: Sessions = field(init=False)

    @sessions.default
    def _make_sessions(self) -> Sessions:
        return Sessions(store=self.services.store, now=self.services.clock.now)

    @classmethod
    def over(cls, services: Services) -> "Paywall":
        """Make the paywall of a gateway's services."""
        known = Subscribers(known=services.subscribe, rails=services.rails, clock=services.clock)
        return cls(services=services, subscribers=known)

    async def decide(self, request: Request, purchase: Purchase) -> Decision:
        """Let a request in, having settled what it brings, or give the answer that it gets.

        Never raises what a client can cause: every refusal is an answer. HEAD is only told the
        price, because a buyer could not fetch with GET what was paid for with HEAD.
        """
        try:
            return await self._decided(request, purchase)
        except TillwayError as error:
            return _told_all(error)

    async def _decided(self, request: Request, purchase: Purchase) -> Decision:
        if request.method == "HEAD":
            return await self._told(request, purchase)
        try:
            proof = proof_in(request, self.services.rails)
        except Declined as refused:
            return await self._refused(request, purchase, None, refused)
        if proof is not None:
            return await self._settled(request, purchase, proof)
        known = await self._known(request, purchase)
        return known or await self._offered(request, purchase)

    async def _settled(self, request: Request, purchase: Purchase, proof: Proof) -> Decision:
        asked = asked_in(request)
        try:
            granted = await self.services.settle.settle(proof, purchase, asked)
        except Unsettled as pending:
            return _pending(proof, pending)
        except Declined as refused:
            return await self._refused(request, purchase, proof, refused)
        return self._paid(granted.payment, asked.request, receipt(proof, granted.payment))

    async def _known(self, request: Request, purchase: Purchase) -> Admitted | None:
        who = await self.subscribers.who(request, purchase) if self.subscribers else None
        if who is not None:
            return _subscribed(request, purchase, who)
        session = await self.sessions.paid(request, purchase)
        return None if session is None else self._by_session(request, session)

    async def _offered(self, request: Request, purchase: Purchase) -> Decision:
        quoted = await self.services.quote.quote(purchase, request.url)
        if quoted.free is None:
            return challenge(quoted, request.url, PAYMENT_REQUIRED_TEXT)
        asked = asked_in(request)
        payment = await self.services.free.grant(purchase, asked, quoted.free)
        return self._paid(payment, asked.request, {})

    async def _told(self, request: Request, purchase: Purchase) -> Reply:
        quoted = await self.services.quote.quote(purchase, request.url)
        if quoted.free is None:
            return challenge(quoted, request.url, PAYMENT_REQUIRED_TEXT)
        return Reply(status=204, headers=NO_STORE, body=b"")

    async def _refused(
        self, request: Request, purchase: Purchase, proof: Proof | None, refused: Declined
    ) -> Reply:
        if refused.code not in WITH_OFFER:
            return refusal(refused)
        reason = reason_of(refused)
        quoted = await self.services.quote.quote(purchase, request.url)
        if quoted.free is not None:
            return refusal(refused)
        tried = proof if refused.reference else None
        headers = failed_receipt(tried, reason, refused.reference or "") if tried else {}
        return challenge(quoted, request.url, reason, headers)

    def _paid(self, payment: Payment, request: str, receipts: Mapping[str, str]) -> Admitted:
        ended = payment.ended_at or payment.created_at
        return _admitted(payment, request, ended + FREE_REPEATS, receipts)

    def _by_session(self, request: Request, session: PaidSession) -> Admitted:
        return _admitted(session.payment, asked_in(request).request, session.until, {})


def _told_all(error: TillwayError) -> Reply:
    answer = refusal(error)
    if answer.status >= _OURS:
        _log.warning("a paywalled request failed: %s", error, exc_info=error)
    return answer


def purchase_of(request: Request, resource: str, coupon: str | None = None) -> Purchase:
    """Give the purchase of one product by a request."""
    return Purchase(
        tenant=request.tenant, purpose=Purpose.PURCHASE, resource=resource, coupon=coupon
    )


def _admitted(
    payment: Payment, request: str, until: datetime, receipts: Mapping[str, str]
) -> Admitted:
    return Admitted(
        method=payment.method,
        grant=payment.grant or {},
        headers={**PRIVATE, **receipts},
        request=request,
        payment=payment,
        until=until,
    )


def _subscribed(request: Request, purchase: Purchase, who: str) -> Admitted:
    grant = {
        "success": True,
        "resource": purchase.resource,
        "granted": True,
        "method": SUBSCRIPTION,
        "wallet": who,
        "signature": None,
    }
    request_hash = asked_in(request).request
    return Admitted(method=SUBSCRIPTION, grant=grant, headers=PRIVATE, request=request_hash)


def _pending(proof: Proof, pending: Unsettled) -> Reply:
    """Tell that money may be moving, and offer nothing: clients pay any offer they see."""
    headers = failed_receipt(proof, "settlement_pending", pending.reference or "")
    return refusal(pending, {**NO_STORE, **headers})

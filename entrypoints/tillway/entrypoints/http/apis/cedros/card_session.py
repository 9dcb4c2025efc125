"""POST /paywall/v1/stripe-session, and whether a session was paid."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from attrs import define

from tillway.core.checkouts import ENDED_WITHOUT_PAY
from tillway.core.errors import Code, Declined
from tillway.core.ids import STRIPE_PREFIX
from tillway.core.payments import Payment, Purchase, State
from tillway.core.quotes import Purpose
from tillway.core.refunds import is_paid_back
from tillway.core.services.gateway import Services
from tillway.core.services.hosted.cards import Buyer
from tillway.core.services.hosted.pages import filled
from tillway.core.services.hosted.payments import SESSION
from tillway.core.services.paying.free import METHOD as FREE
from tillway.entrypoints.http.apis.cedros.card_bodies import SessionRequest
from tillway.entrypoints.http.apis.cedros.texts import moment
from tillway.entrypoints.http.apis.x402.headers import asked_by
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

_LONGEST: Final = 255
_OURS: Final = "stripe_"
_STRIPE: Final = "stripe"


@define
class OpenSession:
    """Open a checkout for one product."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the session, or with a grant of what costs nothing."""
        asked = await body_of(request, SessionRequest)
        purchase = Purchase(
            tenant=request[TENANT],
            purpose=Purpose.PURCHASE,
            resource=asked.resource,
            coupon=asked.coupon_code or None,
        )
        buyer = Buyer(
            email=asked.customer_email or None,
            success_url=asked.success_url or None,
            cancel_url=asked.cancel_url or None,
            metadata=asked.metadata,
        )
        opened = await self.services.cards.open(purchase, buyer, asked_by(request))
        if isinstance(opened, Payment):
            page = self.services.checkouts.pages.success(buyer.success_url)
            url = filled(page, opened.signature)
            return answer({"sessionId": opened.signature, "url": url, "granted": True})
        return answer({"sessionId": opened.session, "url": opened.url})


@define
class VerifySession:
    """Tell what a paid session was for. Those that are not paid, or paid back, are not found."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 for a settled payment, 404 session_not_found for all others.

        Of one that is over and was not paid the refusal says so: its buyer may try again.
        """
        session = request.query.get("session_id", "")
        if not session:
            raise Declined(Code.MISSING_FIELD, "session_id is required", field="session_id")
        if len(session) > _LONGEST or not session.isprintable():
            raise Declined(Code.SESSION_NOT_FOUND)
        payment = await self._found(request, session)
        if payment is None or payment.state is not State.SETTLED:
            raise Declined(Code.SESSION_NOT_FOUND, details=await self._ended(request, session))
        return answer(_proof(payment, session))

    async def _ended(self, request: web.Request, session: str) -> Mapping[str, object]:
        async with self.services.store.view(once=True) as view:
            found = await view.checkouts.by_session(request[TENANT], _STRIPE, session)
        if found is None or found.state not in ENDED_WITHOUT_PAY:
            return {}
        return {"status": found.state.value}

    async def _found(self, request: web.Request, session: str) -> Payment | None:
        signature = session if session.startswith(f"{FREE}_") else f"{STRIPE_PREFIX}{session}"
        async with self.services.store.view() as view:
            found = await view.payments.by_signature(request[TENANT], signature)
            if found is None:
                return None
            returned = await view.refunds.of(found.tenant, found.signature)
        return None if is_paid_back(found, returned) else found


def _proof(payment: Payment, session: str) -> dict[str, object]:
    noted = {name: text for name, text in payment.metadata.items() if not name.startswith(_OURS)}
    return {
        "verified": True,
        "resource_id": payment.purchase.resource,
        "paid_at": moment(payment.ended_at or payment.created_at),
        "amount": str(payment.amount),
        "customer": payment.payer,
        "metadata": {**noted, "status": "stripe", SESSION: session},
    }

"""POST /paywall/v1/quote: what a resource costs, as an x402 v0 challenge."""

from aiohttp import web
from attrs import define

from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.paying.quote import Quoted, unsold
from tillway.entrypoints.http.apis.cedros.bodies import QuoteRequest
from tillway.entrypoints.http.apis.x402.headers import asked_by
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT, origin
from tillway.entrypoints.paywall.replies import NO_STORE, PAYMENT_REQUIRED_TEXT


@define
class Quote:
    """Quote one resource. Writes nothing, unless the resource costs nothing: then it is granted."""

    services: Services
    prefix: str

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 402 with one offer, or 200 with the grant of what is free after coupons."""
        asked = await body_of(request, QuoteRequest)
        purchase = Purchase(
            tenant=request[TENANT],
            purpose=Purpose.PURCHASE,
            resource=asked.resource,
            coupon=asked.coupon_code or None,
        )
        address = f"{origin(request)}{self.prefix}/paywall/{asked.resource}"
        quoted = await self.services.quote.quote(purchase, address)
        if quoted.free is not None:
            payment = await self.services.free.grant(purchase, asked_by(request), quoted.free)
            return answer(payment.grant)
        return _challenge(quoted)


def _challenge(quoted: Quoted) -> web.Response:
    accepts = [accept for offer in quoted.offers for accept in offer.accepts.get(0, ())]
    if not accepts:  # its rails speak later versions only
        raise unsold(quoted.product)
    body = {"x402Version": 0, "accepts": accepts, "error": PAYMENT_REQUIRED_TEXT}
    return answer(body, 402, NO_STORE)

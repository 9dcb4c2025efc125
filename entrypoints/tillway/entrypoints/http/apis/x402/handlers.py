"""GET or POST a resource: 402 with offers, then 200 with the grant."""

from aiohttp import web
from attrs import define

from tillway.core.errors import Declined, Unsettled
from tillway.core.payments import Payment, Purchase
from tillway.core.ports.rails import Proof
from tillway.core.services.gateway import Services
from tillway.core.services.subjects import addressed
from tillway.entrypoints.http.apis.x402.challenge import NO_STORE, PAYMENT_REQUIRED_TEXT, challenge
from tillway.entrypoints.http.apis.x402.headers import asked_by, proof_in
from tillway.entrypoints.http.apis.x402.reasons import WITH_OFFER, reason_of
from tillway.entrypoints.http.apis.x402.receipts import failed_receipt, receipt
from tillway.entrypoints.http.convert import raw_body
from tillway.entrypoints.http.render import answer, refuse
from tillway.entrypoints.http.request import TENANT, url

PRIVATE = {"Cache-Control": "private"}


@define
class Resource:
    """The handler of ``/paywall/{resourceId}``."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; a repeat is answered as `Repeats` allows."""
        purchase = _purchase(request)
        await raw_body(request)  # a repeat is the same request only with the same body
        try:
            proof = proof_in(request, self.services.rails)
        except Declined as refusal:
            return await self._refused(request, purchase, None, refusal)
        if proof is None:
            return await self._offered(request, purchase)
        return await self._settled(request, purchase, proof)

    async def _offered(self, request: web.Request, purchase: Purchase) -> web.StreamResponse:
        address = url(request)
        quoted = await self.services.quote.quote(purchase, address)
        if quoted.free is None:
            return challenge(quoted, address, PAYMENT_REQUIRED_TEXT)
        asked = asked_by(request)
        payment = await self.services.free.grant(purchase, asked, quoted.free)
        return _granted(payment)

    async def _settled(
        self, request: web.Request, purchase: Purchase, proof: Proof
    ) -> web.StreamResponse:
        try:
            granted = await self.services.settle.settle(proof, purchase, asked_by(request))
        except Unsettled as pending:
            return _pending(proof, pending)
        except Declined as refusal:
            return await self._refused(request, purchase, proof, refusal)
        return _granted(granted.payment, proof)

    async def _refused(
        self, request: web.Request, purchase: Purchase, proof: Proof | None, refusal: Declined
    ) -> web.StreamResponse:
        if refusal.code not in WITH_OFFER:
            return refuse(refusal, NO_STORE)
        address, reason = url(request), reason_of(refusal)
        quoted = await self.services.quote.quote(purchase, address)
        if quoted.free is not None:
            return refuse(refusal, NO_STORE)
        tried = proof if refusal.reference else None
        headers = failed_receipt(tried, reason, refusal.reference or "") if tried else {}
        return challenge(quoted, address, reason, headers)


def _purchase(request: web.Request) -> Purchase:
    query = request.query
    purpose, resource = addressed(request.match_info["resourceId"])
    return Purchase(
        tenant=request[TENANT],
        purpose=purpose,
        resource=resource,
        coupon=query.get("couponCode") or query.get("coupon") or None,
    )


def _granted(payment: Payment, proof: Proof | None = None) -> web.Response:
    headers = {**PRIVATE, **(receipt(proof, payment) if proof else {})}
    return answer(payment.grant, 200, headers)


def _pending(proof: Proof, pending: Unsettled) -> web.Response:
    """Tell that money may be moving, and offer nothing: clients pay any offer they see."""
    headers = failed_receipt(proof, "settlement_pending", pending.reference or "")
    return refuse(pending, {**NO_STORE, **headers})

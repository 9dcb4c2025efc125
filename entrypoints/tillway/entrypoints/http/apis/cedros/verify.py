"""POST /paywall/v1/verify: a payment in any dialect, for the resource that it names."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from aiohttp import web
from attrs import define, evolve

from tillway.core.errors import Code, Declined, Unsettled
from tillway.core.payments import Purchase
from tillway.core.ports.rails import Proof
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.subjects import absent, addressed
from tillway.entrypoints.http.apis.x402.headers import asked_by, proof_in
from tillway.entrypoints.http.render import answer, refuse
from tillway.entrypoints.http.request import TENANT
from tillway.entrypoints.paywall.receipts import failed_receipt, receipt
from tillway.entrypoints.paywall.replies import NO_STORE

_TYPES: Mapping[str, Purpose | None] = {
    "": None,
    "regular": None,
    "cart": Purpose.CART,
    "refund": Purpose.REFUND,
}


@define
class Verify:
    """Settle a proof and grant what it pays for. The body is ignored."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the grant, or the Cedros code and status of the refusal."""
        proof = proof_in(request, self.services.rails)
        if proof is None:
            raise Declined(Code.MISSING_FIELD, "Missing X-PAYMENT header", field="X-PAYMENT")
        purchase = self._purchase(request, proof)
        try:
            granted = await self.services.settle.settle(proof, purchase, asked_by(request))
        except Unsettled as pending:
            reference = pending.reference or ""
            headers = failed_receipt(proof, "settlement_pending", reference)
            return refuse(pending, {**NO_STORE, **headers})
        return answer(granted.payment.grant, 200, receipt(proof, granted.payment))

    def _purchase(self, request: web.Request, proof: Proof) -> Purchase:
        named = self._resource(request, proof)
        kind = proof.resource_type or ""
        if kind not in _TYPES:
            text = "Invalid resourceType (must be: regular, cart, or refund)"
            raise Declined(Code.INVALID_FIELD, text, field="resourceType")
        purpose, resource = addressed(named)
        purchase = Purchase(
            tenant=request[TENANT], purpose=purpose, resource=resource, coupon=proof.coupon
        )
        _refuse_other(purchase, kind)
        return purchase

    def _resource(self, request: web.Request, proof: Proof) -> str:
        """Find what the payment is for; what is found is compared with what the proof pays for.

        Our sealed quote says it. Version 0 names it, version 2 has the address that it was
        offered at, and for version 1, which says nothing, the query has ``resource``.
        """
        if proof.version == 0 and proof.resource:
            return proof.resource
        if proof.sealed is not None:
            return self.services.seals.open(proof.sealed, request[TENANT]).resource
        named = request.query.get("resource") or _last_segment(proof.resource or "")
        if named:
            return named
        raise Declined(
            Code.MISSING_FIELD, "resource field required in payment payload", field="resource"
        )


def _last_segment(address: str) -> str:
    return unquote(urlsplit(address).path.rpartition("/")[2])


def _refuse_other(purchase: Purchase, kind: str) -> None:
    """Refuse a name that is none of what it is said to be: carts and refunds have ids of ours."""
    said = _TYPES[kind]
    if said is not None and purchase.purpose is not said:
        raise absent(evolve(purchase, purpose=said))

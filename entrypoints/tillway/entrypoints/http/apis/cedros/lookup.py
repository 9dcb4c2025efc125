"""GET /paywall/v1/x402-transaction/verify: whether a transaction has paid here."""

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.payments import Payment, State
from tillway.core.quotes import Purpose
from tillway.core.refunds import is_paid_back
from tillway.core.services.catalogue.shop import TOKEN
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.texts import moment
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

_LONGEST = 128


@define
class Lookup:
    """Tell what a settled x402 payment was for. What is still open, or paid back, is not found."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 for a settled payment, 402 transaction_not_found for all others."""
        signature = request.query.get("signature", "")
        if not signature:
            raise Declined(Code.MISSING_FIELD, "signature is required", field="signature")
        payment = await self._found(request, signature)
        if payment is None or not _has_paid_here(payment):
            raise Declined(Code.TRANSACTION_NOT_FOUND, "Transaction not found or not verified")
        return answer(_proof(payment))

    async def _found(self, request: web.Request, signature: str) -> Payment | None:
        if len(signature) > _LONGEST:
            return None
        async with self.services.store.view() as view:
            found = await view.payments.by_signature(request[TENANT], signature)
            if found is None:
                return None
            returned = await view.refunds.of(found.tenant, found.signature)
        return None if is_paid_back(found, returned) else found


def _has_paid_here(payment: Payment) -> bool:
    # What pays a refund is no purchase, although it is settled like one; nor is what a card has
    # paid, or a coupon, a transaction.
    sold = payment.method == TOKEN and payment.purchase.purpose is not Purpose.REFUND
    return sold and payment.state is State.SETTLED


def _proof(payment: Payment) -> dict[str, object]:
    return {
        "verified": True,
        "resource_id": payment.purchase.resource,
        "wallet": payment.payer,
        "paid_at": moment(payment.ended_at or payment.created_at),
        "amount": str(payment.amount),
        "metadata": dict(payment.metadata) or None,
    }

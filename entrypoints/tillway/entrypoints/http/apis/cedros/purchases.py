"""GET /paywall/v1/purchases: what whoever asks has bought."""

from typing import Final

from aiohttp import web
from attrs import define

from tillway.core.payments import Payment
from tillway.core.services.gateway import Services
from tillway.core.services.nonces import LIST_PURCHASES
from tillway.core.services.purchases import Purchases
from tillway.core.services.signatures import Deed
from tillway.entrypoints.http.apis.cedros.texts import moment
from tillway.entrypoints.http.proofs import is_admin
from tillway.entrypoints.http.query import text_in, whole_in
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT
from tillway.entrypoints.http.signed import signer

USUAL, MOST = 50, 500
_LONGEST_WALLET: Final = 128
_LISTING: Final = Deed(
    action=LIST_PURCHASES,
    subject=None,
    signers=None,
    hint=f"sign {LIST_PURCHASES}:<nonce> with the wallet that paid",
    needs_nonce=True,
)


@define
class PurchaseList:
    """List settled payments, for the wallet that paid or for the operator."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the purchases, newest first; 401 to whoever shows nothing."""
        limit = whole_in(request, "limit", USUAL, 1, MOST)
        offset = whole_in(request, "offset", 0, 0, 10_000)
        payer = await self._payer(request)
        purchases = Purchases(store=self.services.store)
        bought = await purchases.of(request[TENANT], payer, limit, offset)
        body = {
            "purchases": [_row(each) for each in bought.payments],
            "complete": bought.complete,
        }
        return answer(body, 200, {"Cache-Control": "no-store"})

    async def _payer(self, request: web.Request) -> str | None:
        """Give whose purchases are shown; the operator sees those of all, or of one he names."""
        if is_admin(request):
            return text_in(request, "wallet", _LONGEST_WALLET) or None
        return await signer(request, _LISTING, self.services.signatures)


def _row(payment: Payment) -> dict[str, object]:
    body: dict[str, object] = {
        "signature": payment.signature,
        "tenant_id": payment.tenant,
        "resource_id": payment.purchase.resource,
        "wallet": payment.payer,
        "amount": str(payment.amount),
        "paid_at": moment(payment.ended_at or payment.created_at),
        "metadata": dict(payment.metadata),
    }
    return {**body, "user_id": payment.user_id} if payment.user_id else body

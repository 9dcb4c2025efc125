"""Routes of ours for buyers who pay by themselves: with their own fee, or by a payment link."""

from collections.abc import Sequence

from aiohttp import web
from attrs import define

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.building import purchase_of, written
from tillway.entrypoints.http.apis.cedros.refusals import PRICING, PROVING
from tillway.entrypoints.http.apis.x402.elsewhere_bodies import (
    OwnTransaction,
    OwnTransactionRequest,
    PaymentStatus,
    PaymentStatusRequest,
)
from tillway.entrypoints.http.apis.x402.headers import asked_by
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT
from tillway.entrypoints.paywall.replies import NO_STORE
from tillway.plugins.api import Answer, Route


@define
class Elsewhere:
    """Write what wallets sign, and look for what they have paid."""

    services: Services

    async def transaction(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with a transaction whose fee the buyer pays. Nothing is stored."""
        asked = await body_of(request, OwnTransactionRequest)
        purchase = purchase_of(request, asked.resource_id, asked.coupon_code)
        built = await self.services.elsewhere.transaction(purchase, asked.user_wallet)
        return answer(written(built), 200, NO_STORE)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the grant, or that nothing has come yet."""
        asked = await body_of(request, PaymentStatusRequest)
        found = await self.services.elsewhere.look(asked.quote, request[TENANT], asked_by(request))
        body: dict[str, object] = {"status": "waiting", "expiresAt": found.quote.expires_at}
        if found.granted is not None:
            body |= {"status": "granted", "grant": found.granted.payment.grant}
        return answer(body, 200, NO_STORE)


def routes(services: Services) -> Sequence[Route]:
    """Give them."""
    handlers = Elsewhere(services)
    return [
        Route(
            method="POST",
            path="/paywall/v1/own-transaction",
            handler=handlers.transaction,
            name="build_own_transaction",
            summary="Build a transaction whose fee the buyer pays",
            body=OwnTransactionRequest,
            answers=(Answer(status=200, description="To be signed.", body=OwnTransaction),),
            refusals=(Code.INVALID_WALLET, *PRICING, Code.RPC_ERROR, Code.NETWORK_ERROR),
        ),
        Route(
            method="POST",
            path="/paywall/v1/payment-status",
            handler=handlers.status,
            name="payment_status",
            summary="What has become of a payment link",
            body=PaymentStatusRequest,
            answers=(
                Answer(status=200, description="Granted, or waited for.", body=PaymentStatus),
                Answer(status=402, description="It was paid, and bought nothing."),
            ),
            refusals=PROVING,
        ),
    ]

"""POST /paywall/v1/gasless-transaction: a transaction that the buyer only has to sign."""

import base64

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.ids import CART_ID
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.bodies import GaslessRequest
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

UNREADABLE = "invalid request: not JSON"


@define
class Gasless:
    """Build the transaction. Nothing is stored; every call builds a new one."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the transaction, its blockhash and who pays the fee."""
        asked = await body_of(
            request, GaslessRequest, unreadable=UNREADABLE, missing=Code.INVALID_FIELD
        )
        _refuse_carts(asked.resource_id)
        purchase = Purchase(
            tenant=request[TENANT],
            purpose=Purpose.PURCHASE,
            resource=asked.resource_id,
            coupon=asked.coupon_code or None,
        )
        built = await self.services.build.transaction(
            purchase, asked.user_wallet, asked.fee_payer or None
        )
        return answer(
            {
                "transaction": base64.b64encode(built.transaction).decode(),
                "blockhash": built.blockhash,
                "feePayer": built.fee_payer,
                "lastValidBlockHeight": built.last_valid_height,
            }
        )


def _refuse_carts(resource: str) -> None:
    """Carts have ids of ours; none is open under any other."""
    if CART_ID.fullmatch(resource):
        raise Declined(Code.RESOURCE_NOT_FOUND, f"cart not found: {resource}")

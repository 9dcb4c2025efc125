"""POST /paywall/v1/gasless-transaction: a transaction that the buyer only has to sign."""

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.payments import Purchase
from tillway.core.ports.rails import Built
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.bodies import GaslessRequest
from tillway.entrypoints.http.apis.cedros.building import purchase_of, written
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer

_MISSING = frozenset({Code.CART_NOT_FOUND, Code.REFUND_NOT_FOUND})
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
        purchase = purchase_of(request, asked.resource_id, asked.coupon_code)
        return answer(written(await self._built(purchase, asked)))

    async def _built(self, purchase: Purchase, asked: GaslessRequest) -> Built:
        try:
            return await self.services.build.transaction(
                purchase, asked.user_wallet, asked.fee_payer or None
            )
        except Declined as refusal:
            if refusal.code not in _MISSING:
                raise
            # The contract has one code here for all that is not there.
            raise Declined(Code.RESOURCE_NOT_FOUND, refusal.message) from refusal

"""POST /paywall/v1/coupons/validate: what a coupon does, or why it does nothing."""

from aiohttp import web
from attrs import define

from tillway.core.catalog import Coupon
from tillway.core.ids import ProductId
from tillway.core.services.catalogue.shop import CouponAnswer
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.bodies import CouponRequest
from tillway.entrypoints.http.apis.cedros.texts import seconds
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

UNREADABLE = "invalid request body"


@define
class Coupons:
    """Look a coupon up. Nothing is redeemed or reserved."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with ``valid`` and what the coupon does, or with the reason."""
        asked = await body_of(request, CouponRequest, unreadable=UNREADABLE)
        method = asked.payment_method or None
        products = [ProductId(each) for each in asked.product_ids]
        found = await self.services.shop.coupon(request[TENANT], asked.code, products, method)
        if found.coupon is None or found.refusal is not None:
            text = found.refusal.message if found.refusal else ""
            return answer({"valid": False, "error": text})
        return answer(_valid(found.coupon, found))


def _valid(coupon: Coupon, found: CouponAnswer) -> dict[str, object]:
    body: dict[str, object] = {
        "valid": True,
        "code": coupon.code,
        "discountType": coupon.discount_type.value,
        "scope": coupon.scope.value,
    }
    optional = {
        "discountValue": float(coupon.discount_value),
        "applicableProducts": list(coupon.product_ids),
        "paymentMethod": coupon.payment_method,
        "expiresAt": seconds(coupon.expires_at) if coupon.expires_at else None,
    }
    body.update({name: value for name, value in optional.items() if value})
    if found.remaining is not None:
        body["remainingUses"] = found.remaining
    return body

"""GET /paywall/v1/products: the price list."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from aiohttp import web
from attrs import define

from tillway.core.catalog import Coupon
from tillway.core.pricing import Priced
from tillway.core.services.gateway import Services
from tillway.core.services.shop import Listed
from tillway.entrypoints.http.apis.cedros.texts import major
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

CACHED = {"Cache-Control": "public, max-age=300"}


@define
class Products:
    """List active products by id, priced by the function that quotes and charges."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with products and the coupons of the checkout."""
        prices = await self.services.shop.price_list(request[TENANT])
        body = {
            "products": [_product(listed) for listed in prices.products],
            "checkoutStripeCoupons": _coupons(prices.card_coupons),
            "checkoutCryptoCoupons": _coupons(prices.token_coupons),
        }
        return answer(body, 200, CACHED)


def _product(listed: Listed) -> dict[str, object]:
    product, card, token = listed.product, listed.card, listed.token
    fiat, crypto = product.fiat_price, product.crypto_price
    body: dict[str, object] = {
        "id": product.id,
        "description": product.description,
        "fiatAmount": major(fiat),
        "effectiveFiatAmount": major(card.total if card else None),
        "fiatCurrency": fiat.asset.code if fiat is not None else "",
        "cryptoAmount": major(crypto),
        "effectiveCryptoAmount": major(token.total if token else None),
        "cryptoToken": crypto.asset.code if crypto is not None else "",
        "hasStripeCoupon": _has_coupon(card),
        "hasCryptoCoupon": _has_coupon(token),
        "stripeDiscountPercent": _percent_off(card),
        "cryptoDiscountPercent": _percent_off(token),
    }
    optional = {
        "stripePriceId": product.stripe_price_id,
        "stripeCouponCode": ",".join(card.applied) if card else "",
        "cryptoCouponCode": ",".join(token.applied) if token else "",
        "metadata": dict(product.metadata),
    }
    return {**body, **{name: value for name, value in optional.items() if value}}


def _has_coupon(priced: Priced | None) -> bool:
    return bool(priced and priced.applied)


def _percent_off(priced: Priced | None) -> float:
    if priced is None or not priced.original.minor:
        return 0.0
    off = Decimal(priced.original.minor - priced.total.minor)
    share = off * 100 / priced.original.minor
    return float(share.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))


def _coupons(coupons: Sequence[Coupon]) -> list[dict[str, object]]:
    return [_coupon(coupon) for coupon in coupons]


def _coupon(coupon: Coupon) -> dict[str, object]:
    body: dict[str, object] = {
        "code": coupon.code,
        "discountType": coupon.discount_type.value,
        "discountValue": float(coupon.discount_value),
    }
    optional = {"currency": coupon.currency, "description": coupon.metadata.get("description")}
    return {**body, **{name: value for name, value in optional.items() if value}}

"""GET /paywall/v1/products: the price list, and one product of it."""

from collections.abc import Sequence

from aiohttp import web
from attrs import define

from tillway.core.catalog import Coupon, Product
from tillway.core.errors import Code, Declined
from tillway.core.ids import LONGEST_ID
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.listing import found_in, wanted_by
from tillway.entrypoints.http.apis.cedros.rows import row
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

CACHED = {"Cache-Control": "public, max-age=300"}


@define
class Products:
    """Show active products, priced by the function that quotes and charges."""

    services: Services

    async def listed(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the products that were asked for and the coupons of the checkout."""
        wanted, shop = wanted_by(request), self.services.shop
        counter = await shop.counter(request[TENANT])
        found = found_in(await shop.products(request[TENANT]), wanted, counter)
        body = {
            "products": [row(listed) for listed in found.products],
            "total": found.total,
            "count": found.total,
            "limit": wanted.limit,
            "offset": wanted.offset,
            "checkoutStripeCoupons": _coupons(counter.card_coupons),
            "checkoutCryptoCoupons": _coupons(counter.token_coupons),
        }
        return answer(body, 200, CACHED)

    async def by_id(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with a product, or 404."""
        product = await self.services.shop.product(request[TENANT], request.match_info["id"])
        return await self._one(request, product)

    async def by_slug(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the product of that slug, which is the id where none is given."""
        slug = request.match_info["slug"]
        known = len(slug) <= LONGEST_ID
        found = await self.services.shop.by_slug(request[TENANT], slug) if known else None
        return await self._one(request, found)

    async def _one(self, request: web.Request, product: Product | None) -> web.Response:
        if product is None:
            raise Declined(Code.RESOURCE_NOT_FOUND)
        counter = await self.services.shop.counter(request[TENANT])
        return answer(row(counter.priced(product)), 200, CACHED)


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

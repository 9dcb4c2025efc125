"""What is for sale, at prices that come from the same function as quotes and charges."""

from collections.abc import Sequence

from attrs import define, frozen

from tillway.core.catalog import AppliesAt, Coupon, Product
from tillway.core.coupons import CouponRefusal, coupon_refusal
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.catalogue import Catalogue
from tillway.core.pricing import Priced, Sale, price_item
from tillway.core.services.quote import Quoting
from tillway.core.tenancy import Tenant

CARD, TOKEN = "stripe", "x402"
"""The two ways to pay that a price list speaks of."""


@frozen(kw_only=True)
class Listed:
    """A product with what it costs by card and by token; None where it has no such price."""

    product: Product
    card: Priced | None
    token: Priced | None


@frozen(kw_only=True)
class PriceList:
    """All active products by id, and the coupons that come off at the checkout by themselves."""

    products: Sequence[Listed]
    card_coupons: Sequence[Coupon]
    token_coupons: Sequence[Coupon]


@frozen(kw_only=True)
class CouponAnswer:
    """What a coupon does, or why it does nothing. ``remaining`` None: without limit."""

    coupon: Coupon | None
    refusal: CouponRefusal | None
    remaining: int | None = None


@define(kw_only=True)
class Shop:
    """Read the catalogue as buyers see it. Nothing is written."""

    catalogue: Catalogue
    quoting: Quoting

    async def price_list(self, tenant: Tenant) -> PriceList:
        """Price every active product, ordered by id."""
        card = await self.quoting.sale(tenant, CARD)
        token = await self.quoting.sale(tenant, TOKEN)
        products = await self.catalogue.products(tenant)
        return PriceList(
            products=[_listed(product, card, token) for product in products],
            card_coupons=_at_checkout(card),
            token_coupons=_at_checkout(token),
        )

    async def coupon(
        self, tenant: Tenant, code: str, products: Sequence[ProductId], method: str | None
    ) -> CouponAnswer:
        """Tell what a coupon would do for these products and this way to pay."""
        sale = await self.quoting.sale(tenant, method or "", code)
        coupon = sale.typed
        used = sale.used.get(CouponCode(code), 0)
        refusal = coupon_refusal(
            code, coupon, now=sale.now, used=used, method=method, products=products
        )
        limit = coupon.usage_limit if coupon else None
        remaining = None if limit is None else max(0, limit - used)
        return CouponAnswer(coupon=coupon, refusal=refusal, remaining=remaining)


def _listed(product: Product, card: Sale, token: Sale) -> Listed:
    return Listed(
        product=product,
        card=price_item(product, card) if product.fiat_price is not None else None,
        token=price_item(product, token) if product.crypto_price is not None else None,
    )


def _at_checkout(sale: Sale) -> Sequence[Coupon]:
    return [
        coupon
        for coupon in sale.coupons
        if coupon.auto_apply
        and coupon.applies_at is AppliesAt.CHECKOUT
        and coupon.takes(sale.method)
        and coupon.state(sale.now, sale.used.get(coupon.code, 0)) is None
    ]

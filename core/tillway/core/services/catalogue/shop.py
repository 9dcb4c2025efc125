"""What is for sale, at prices that come from the same function as quotes and charges."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, frozen

from tillway.core.catalog import AppliesAt, Coupon, Product
from tillway.core.coupons import CouponRefusal, coupon_refusal
from tillway.core.ids import CouponCode, ProductId, product_id_fault
from tillway.core.ports.catalogue import Catalogue
from tillway.core.pricing import Priced, Sale, price_item
from tillway.core.services.paying.quote import Quoting
from tillway.core.showcase import slug_of
from tillway.core.tenancy import Tenant

CARD, TOKEN = "stripe", "x402"
"""The two ways to pay that a price list speaks of."""

CONFIG: Final = "config.shop"
"""The setting that holds how the operator wants the shop to look."""


@frozen(kw_only=True)
class Listed:
    """A product with what it costs by card and by token; None where it has no such price."""

    product: Product
    card: Priced | None
    token: Priced | None


@frozen(kw_only=True)
class Counter:
    """What prices depend on at one moment, for either way to pay."""

    card: Sale
    token: Sale

    def priced(self, product: Product) -> Listed:
        """Price a product both ways."""
        return Listed(
            product=product,
            card=price_item(product, self.card) if product.fiat_price is not None else None,
            token=price_item(product, self.token) if product.crypto_price is not None else None,
        )

    @property
    def card_coupons(self) -> Sequence[Coupon]:
        """The coupons that come off a card payment at the checkout by themselves."""
        return _at_checkout(self.card)

    @property
    def token_coupons(self) -> Sequence[Coupon]:
        """The coupons that come off a token payment at the checkout by themselves."""
        return _at_checkout(self.token)


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

    async def counter(self, tenant: Tenant, typed: str | None = None) -> Counter:
        """Gather what prices depend on now, with a coupon that somebody typed."""
        card = await self.quoting.sale(tenant, CARD, typed)
        return Counter(card=card, token=await self.quoting.sale(tenant, TOKEN, typed))

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Give the active products by id."""
        return await self.catalogue.products(tenant)

    async def product(self, tenant: Tenant, product: str) -> Product | None:
        """Give the active product of that id."""
        if product_id_fault(product) is not None:
            return None
        return await self.catalogue.product(tenant, ProductId(product))

    async def by_slug(self, tenant: Tenant, slug: str) -> Product | None:
        """Give the active product of that slug; of several the first by id."""
        found = (each for each in await self.products(tenant) if slug_of(each) == slug)
        return next(found, None)

    async def saved_config(self, tenant: Tenant) -> Mapping[str, object]:
        """Give what the operator has saved of the shop's looks; it is public."""
        async with self.quoting.store.view(once=True) as view:
            saved = await view.settings.get(tenant, CONFIG)
        return {} if saved is None else saved.value

    async def price_list(self, tenant: Tenant) -> PriceList:
        """Price every active product, ordered by id."""
        counter = await self.counter(tenant)
        return PriceList(
            products=[counter.priced(each) for each in await self.products(tenant)],
            card_coupons=counter.card_coupons,
            token_coupons=counter.token_coupons,
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


def _at_checkout(sale: Sale) -> Sequence[Coupon]:
    return [
        coupon
        for coupon in sale.coupons
        if coupon.auto_apply
        and coupon.applies_at is AppliesAt.CHECKOUT
        and coupon.takes(sale.method)
        and coupon.state(sale.now, sale.used.get(coupon.code, 0)) is None
    ]

"""What is on sale, as the services read it on every request."""

from collections.abc import Sequence
from typing import Protocol

from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.tenancy import Tenant


class Catalogue(Protocol):
    """Products and coupons that are active.

    Answers may be as old as the implementation's time to live: a price is fixed by a quote, and
    a coupon's limit by the claim, never by what is read here. Raises Unavailable if the source
    cannot be read.
    """

    async def product(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give an active product, with its previous prices if they are known."""
        ...

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Give the active products by id, ascending, at most 10,000."""
        ...

    async def coupons(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the active coupons by code, ascending, at most 10,000."""
        ...

    async def coupon(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give an active coupon. Codes compare exactly."""
        ...

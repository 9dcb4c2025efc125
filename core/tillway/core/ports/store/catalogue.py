"""What is sold, what makes it cheaper, and the keys that seal quotes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.tenancy import Tenant


class Products(Protocol):
    """The catalogue as the store keeps it."""

    async def put(self, tenant: Tenant, product: Product, at: datetime) -> None:
        """Write a product. If a price changes, the one before is kept with the time of change.

        A repeat changes nothing, the time of change included.
        """
        ...

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        ...

    async def get(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give a product, active or not."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending, at most 10,000."""
        ...


class Coupons(Protocol):
    """Coupon definitions; redemptions are tallies."""

    async def put(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing."""
        ...

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there. Its redemptions stay counted."""
        ...

    async def get(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give a coupon, active or not. Codes compare exactly."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending, at most 10,000."""
        ...


@frozen(kw_only=True)
class QuoteKey:
    """A master key for sealing. ``secret`` None: the operator holds it in the settings."""

    id: str
    secret: bytes | None = field(repr=False)
    retired_at: datetime | None


class QuoteKeys(Protocol):
    """The keys that seal quotes, for every process and restart."""

    async def add(self, key: QuoteKey) -> None:
        """Write a key; a repeat of its id does nothing."""
        ...

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""
        ...

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""
        ...

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""
        ...

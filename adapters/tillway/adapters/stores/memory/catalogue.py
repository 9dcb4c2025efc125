"""Products, coupons and quote keys in memory."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.memory.layers import Definition, Layers, NumberedKey
from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.store import QuoteKey
from tillway.core.tenancy import Tenant

_MOST = 10_000


@frozen
class MemoryProducts:
    """The catalogue as the store keeps it."""

    layers: Layers
    codec: Codec

    async def put(self, tenant: Tenant, product: Product, at: datetime) -> None:
        """Write a product. If a price changes, the one before is kept with the time of change."""
        products, key = self.layers.writing().products, (tenant, product.id)
        old = products.get(key)
        known = None if old is None else self.codec.product(old.text)
        succeeding = product.succeeding(known, at)
        products.put(key, Definition(*key, self.codec.product_text(succeeding)))

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        products, key = self.layers.writing().products, (tenant, product)
        was_there = products.get(key) is not None
        products.put(key, None)
        return was_there

    async def get(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give a product, active or not."""
        row = self.layers.reading().products.get((tenant, product))
        return None if row is None else self.codec.product(row.text)

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending, at most 10,000."""
        rows = self.layers.reading().products.scan("by id", tenant)
        return [self.codec.product(row.text) for row in islice(rows, _MOST)]


@frozen
class MemoryCoupons:
    """Coupon definitions; redemptions are tallies."""

    layers: Layers
    codec: Codec

    async def put(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing."""
        row = Definition(tenant, coupon.code, self.codec.coupon_text(coupon))
        self.layers.writing().coupons.put((tenant, coupon.code), row)

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there."""
        coupons, key = self.layers.writing().coupons, (tenant, code)
        was_there = coupons.get(key) is not None
        coupons.put(key, None)
        return was_there

    async def get(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give a coupon, active or not."""
        row = self.layers.reading().coupons.get((tenant, code))
        return None if row is None else self.codec.coupon(row.text)

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending, at most 10,000."""
        rows = self.layers.reading().coupons.scan("by id", tenant)
        return [self.codec.coupon(row.text) for row in islice(rows, _MOST)]


@frozen
class MemoryQuoteKeys:
    """The keys that seal quotes, as long as the process lives."""

    layers: Layers

    async def add(self, key: QuoteKey) -> None:
        """Write a key; a repeat of its id does nothing."""
        keys = self.layers.writing().quote_keys
        if keys.get(key.id) is None:
            number = sum(1 for _ in keys.scan("oldest", "all"))
            keys.put(key.id, NumberedKey(number, key))

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""
        row = self.layers.writing().quote_keys.get(key_id)
        if row is not None and row.key.retired_at is None:
            self._set(row, at)

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""
        row = self.layers.writing().quote_keys.get(key_id)
        if row is not None:
            self._set(row, None)

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""
        return [row.key for row in self.layers.reading().quote_keys.scan("oldest", "all")]

    def _set(self, row: NumberedKey, retired_at: datetime | None) -> None:
        key = evolve(row.key, retired_at=retired_at)
        self.layers.quote_keys.put(key.id, evolve(row, key=key))

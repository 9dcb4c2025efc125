"""Products, coupons and quote keys in memory."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.memory.layers import Definition, Layers, NumberedKey, Owned
from tillway.adapters.stores.memory.tables import Layer
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
        key = (tenant, product.id)
        with self.layers.writing() as layers:
            old = layers.products.get(key)
            known = None if old is None else self.codec.product(old.text)
            text = self.codec.product_text(product.succeeding(known, at))
            layers.products.put(key, Definition(tenant, product.id, text))

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        with self.layers.writing() as layers:
            return _remove(layers.products, (tenant, product))

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
        with self.layers.writing() as layers:
            row = Definition(tenant, coupon.code, self.codec.coupon_text(coupon))
            layers.coupons.put((tenant, coupon.code), row)

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there."""
        with self.layers.writing() as layers:
            return _remove(layers.coupons, (tenant, code))

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
        with self.layers.writing() as layers:
            keys = layers.quote_keys
            if keys.get(key.id) is None:
                number = sum(1 for _ in keys.scan("oldest", "all"))
                keys.put(key.id, NumberedKey(number, key))

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""
        with self.layers.writing() as layers:
            row = layers.quote_keys.get(key_id)
            if row is not None and row.key.retired_at is None:
                layers.quote_keys.put(key_id, _retired(row, at))

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""
        with self.layers.writing() as layers:
            row = layers.quote_keys.get(key_id)
            if row is not None:
                layers.quote_keys.put(key_id, _retired(row, None))

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""
        return [row.key for row in self.layers.reading().quote_keys.scan("oldest", "all")]


def _retired(row: NumberedKey, at: datetime | None) -> NumberedKey:
    return evolve(row, key=evolve(row.key, retired_at=at))


def _remove(layer: Layer[Owned, Definition], key: Owned) -> bool:
    was_there = layer.get(key) is not None
    layer.put(key, None)
    return was_there

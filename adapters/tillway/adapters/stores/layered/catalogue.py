"""Products, coupons and quote keys, over layers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros, moment
from tillway.adapters.stores.layered.kinds import (
    COUPONS,
    PRODUCTS,
    QUOTE_KEYS,
    Definition,
    Kind,
    QuoteKeyRow,
)
from tillway.adapters.stores.layered.layers import Layers, Session
from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.store import QuoteKey
from tillway.core.tenancy import Tenant

_MOST: Final = 10_000


@frozen
class LayeredProducts:
    """The catalogue as the store keeps it."""

    session: Session
    codec: Codec

    async def put(self, tenant: Tenant, product: Product, at: datetime) -> None:
        """Write a product. If a price changes, the one before is kept with the time of change."""

        async def put(layers: Layers) -> None:
            old = await layers[PRODUCTS].get(tenant, product.id)
            known = None if old is None else self.codec.product(old.text)
            text = self.codec.product_text(product.succeeding(known, at))
            layers[PRODUCTS].put(Definition(tenant, product.id, text))

        await self.session.write(put)

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        return await self.session.write(lambda layers: _remove(layers, PRODUCTS, tenant, product))

    async def get(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give a product, active or not."""
        row = await self.session.read(lambda layers: layers[PRODUCTS].get(tenant, product))
        return None if row is None else self.codec.product(row.text)

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending, at most 10,000."""
        rows = await self.session.read(
            lambda layers: layers[PRODUCTS].scan("all", tenant, limit=_MOST)
        )
        return [self.codec.product(row.text) for row in rows]


@frozen
class LayeredCoupons:
    """Coupon definitions; redemptions are tallies."""

    session: Session
    codec: Codec

    async def put(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing."""
        row = Definition(tenant, coupon.code, self.codec.coupon_text(coupon))

        async def put(layers: Layers) -> None:
            layers[COUPONS].put(row)

        await self.session.write(put)

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there. Its redemptions stay counted."""
        return await self.session.write(lambda layers: _remove(layers, COUPONS, tenant, code))

    async def get(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give a coupon, active or not. Codes compare exactly."""
        row = await self.session.read(lambda layers: layers[COUPONS].get(tenant, code))
        return None if row is None else self.codec.coupon(row.text)

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending, at most 10,000."""
        rows = await self.session.read(
            lambda layers: layers[COUPONS].scan("all", tenant, limit=_MOST)
        )
        return [self.codec.coupon(row.text) for row in rows]


@frozen
class LayeredQuoteKeys:
    """The keys that seal quotes."""

    session: Session

    async def add(self, key: QuoteKey) -> None:
        """Write a key; a repeat of its id does nothing."""

        async def added(layers: Layers) -> None:
            keys = await layers[QUOTE_KEYS].scan("oldest")
            if all(row.id != key.id for row in keys):
                number = 1 + max((row.number for row in keys), default=0)
                layers[QUOTE_KEYS].put(_row(key, number))

        await self.session.write(added)

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""

        async def retired(layers: Layers) -> None:
            row = await layers[QUOTE_KEYS].get(key_id)
            if row is not None and row.retired_at is None:
                layers[QUOTE_KEYS].put(evolve(row, retired_at=micros(at)))

        await self.session.write(retired)

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""

        async def revived(layers: Layers) -> None:
            row = await layers[QUOTE_KEYS].get(key_id)
            if row is not None:
                layers[QUOTE_KEYS].put(evolve(row, retired_at=None))

        await self.session.write(revived)

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""
        rows = await self.session.read(lambda layers: layers[QUOTE_KEYS].scan("oldest"))
        return [_key(row) for row in rows]


async def _remove(layers: Layers, kind: Kind[Definition], tenant: str, name: str) -> bool:
    if await layers[kind].get(tenant, name) is None:
        return False
    layers[kind].remove(tenant, name)
    return True


def _row(key: QuoteKey, number: int) -> QuoteKeyRow:
    retired = None if key.retired_at is None else micros(key.retired_at)
    return QuoteKeyRow(id=key.id, number=number, secret=key.secret, retired_at=retired)


def _key(row: QuoteKeyRow) -> QuoteKey:
    retired = None if row.retired_at is None else moment(row.retired_at)
    return QuoteKey(id=row.id, secret=row.secret, retired_at=retired)

"""Products, coupons and quote keys in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from attrs import frozen

from tillway.adapters.stores.codec import Codec, micros, moment
from tillway.adapters.stores.postgres.pool import Lent
from tillway.adapters.stores.postgres.sessions import Session
from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.store import QuoteKey
from tillway.core.tenancy import Tenant

_MOST: Final = 10_000
_PUT: Final = "SELECT tillway_put($1, $2, $3, $4, $5)"
_REMOVE: Final = "SELECT tillway_remove($1, $2, $3)"
_READ: Final = "SELECT body FROM tillway_definitions($1, $2, $3, $4, $5)"
_ADD_KEY: Final = "SELECT tillway_add_key($1, $2, $3)"
_RETIRE_KEY: Final = "SELECT tillway_retire_key($1, $2)"
_KEYS: Final = "SELECT id, secret, retired_at FROM tillway_keys($1)"


@frozen
class _Shelf:
    """One kind of definitions, as JSON."""

    session: Session
    kind: Literal["product", "coupon"]

    async def put(self, tenant: Tenant, name: str, text: str) -> None:
        async def work(sql: Lent) -> None:
            await sql.run(_PUT, tenant, self.kind, name, text, False)

        await self.session.write(work)

    async def remove(self, tenant: Tenant, name: str) -> bool:
        async def work(sql: Lent) -> bool:
            return bool(await sql.value(_REMOVE, tenant, self.kind, name))

        return await self.session.write(work)

    async def get(self, tenant: Tenant, name: str) -> str | None:
        found = await self._read(tenant, name)
        return found[0] if found else None

    async def all(self, tenant: Tenant) -> Sequence[str]:
        return await self._read(tenant, None)

    async def _read(self, tenant: Tenant, name: str | None) -> Sequence[str]:
        async def work(sql: Lent) -> Sequence[str]:
            rows = await sql.run(_READ, tenant, self.kind, name, _MOST, self.session.holds)
            return [body for (body,) in rows]

        return await self.session.read(work)


@frozen
class PostgresProducts:
    """The catalogue as the store keeps it."""

    session: Session
    codec: Codec

    async def put(self, tenant: Tenant, product: Product, at: datetime) -> None:
        """Write a product. If a price changes, the one before is kept with the time of change."""

        async def work(sql: Lent) -> None:
            name, text = product.id, self.codec.product_text(product)
            known = await sql.value(_PUT, tenant, "product", name, text, True)
            if known is not None:
                later = product.succeeding(self.codec.product(known), at)
                text = self.codec.product_text(later)
                await sql.run(_PUT, tenant, "product", name, text, False)

        await self.session.write(work, steps=True)

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        return await self._shelf.remove(tenant, product)

    async def get(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give a product, active or not."""
        text = await self._shelf.get(tenant, product)
        return None if text is None else self.codec.product(text)

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending, at most 10,000."""
        return [self.codec.product(text) for text in await self._shelf.all(tenant)]

    @property
    def _shelf(self) -> _Shelf:
        return _Shelf(self.session, "product")


@frozen
class PostgresCoupons:
    """Coupon definitions; redemptions are tallies."""

    session: Session
    codec: Codec

    async def put(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing."""
        await self._shelf.put(tenant, coupon.code, self.codec.coupon_text(coupon))

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there."""
        return await self._shelf.remove(tenant, code)

    async def get(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give a coupon, active or not."""
        text = await self._shelf.get(tenant, code)
        return None if text is None else self.codec.coupon(text)

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending, at most 10,000."""
        return [self.codec.coupon(text) for text in await self._shelf.all(tenant)]

    @property
    def _shelf(self) -> _Shelf:
        return _Shelf(self.session, "coupon")


@frozen
class PostgresQuoteKeys:
    """The keys that seal quotes, for every process and restart."""

    session: Session

    async def add(self, key: QuoteKey) -> None:
        """Write a key; a repeat of its id does nothing."""
        retired = None if key.retired_at is None else micros(key.retired_at)
        await self._change(_ADD_KEY, key.id, key.secret, retired)

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""
        await self._change(_RETIRE_KEY, key_id, micros(at))

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""
        await self._change(_RETIRE_KEY, key_id, None)

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""

        async def work(sql: Lent) -> Sequence[QuoteKey]:
            rows = await sql.run(_KEYS, self.session.holds)
            return [_quote_key(*row) for row in rows]

        return await self.session.read(work)

    async def _change(self, statement: str, *values: object) -> None:
        async def work(sql: Lent) -> None:
            await sql.run(statement, *values)

        await self.session.write(work)


def _quote_key(key_id: str, secret: bytes | None, retired_at: int | None) -> QuoteKey:
    retired = None if retired_at is None else moment(retired_at)
    return QuoteKey(id=key_id, secret=secret, retired_at=retired)

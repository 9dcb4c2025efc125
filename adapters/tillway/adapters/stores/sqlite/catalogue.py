"""Products, coupons and quote keys in SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal

from attrs import frozen

from tillway.adapters.stores.codec import Codec, micros, moment
from tillway.adapters.stores.sqlite.lane import Session
from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.store import QuoteKey
from tillway.core.tenancy import Tenant

_MOST: Final = 10_000

Shelf = Literal["products", "coupons"]
"""A table of definitions. Its name stands in statements; whatever comes from outside does not."""


@frozen
class SqliteProducts:
    """The catalogue as the store keeps it."""

    session: Session
    codec: Codec

    async def put(self, tenant: Tenant, product: Product, at: datetime) -> None:
        """Write a product. If a price changes, the one before is kept with the time of change."""
        await self.session.write(
            partial(_succeed, codec=self.codec, tenant=tenant, product=product, at=at)
        )

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        return await self.session.write(lambda sql: _remove(sql, "products", tenant, product))

    async def get(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give a product, active or not."""
        text = await self.session.read(lambda sql: _get(sql, "products", tenant, product))
        return None if text is None else self.codec.product(text)

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending, at most 10,000."""
        texts = await self.session.read(lambda sql: _all(sql, "products", tenant))
        return [self.codec.product(text) for text in texts]


@frozen
class SqliteCoupons:
    """Coupon definitions; redemptions are tallies."""

    session: Session
    codec: Codec

    async def put(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing."""
        text = self.codec.coupon_text(coupon)
        await self.session.write(lambda sql: _put(sql, "coupons", tenant, coupon.code, text))

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there."""
        return await self.session.write(lambda sql: _remove(sql, "coupons", tenant, code))

    async def get(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give a coupon, active or not."""
        text = await self.session.read(lambda sql: _get(sql, "coupons", tenant, code))
        return None if text is None else self.codec.coupon(text)

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending, at most 10,000."""
        texts = await self.session.read(lambda sql: _all(sql, "coupons", tenant))
        return [self.codec.coupon(text) for text in texts]


@frozen
class SqliteQuoteKeys:
    """The keys that seal quotes, for every process and restart."""

    session: Session

    async def add(self, key: QuoteKey) -> None:
        """Write a key; a repeat of its id does nothing."""
        retired = None if key.retired_at is None else micros(key.retired_at)
        statement = (
            "INSERT INTO quote_keys (id, secret, retired_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        )
        await self.session.write(lambda sql: sql.execute(statement, (key.id, key.secret, retired)))

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""
        statement = "UPDATE quote_keys SET retired_at = ? WHERE id = ? AND retired_at IS NULL"
        values = (micros(at), key_id)
        await self.session.write(lambda sql: sql.execute(statement, values))

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""
        statement = "UPDATE quote_keys SET retired_at = NULL WHERE id = ?"
        await self.session.write(lambda sql: sql.execute(statement, (key_id,)))

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""
        statement = "SELECT id, secret, retired_at FROM quote_keys ORDER BY number"
        rows = await self.session.read(lambda sql: sql.execute(statement).fetchall())
        return [_quote_key(*row) for row in rows]


# What runs in the session's thread


def _succeed(
    sql: sqlite3.Connection, codec: Codec, tenant: Tenant, product: Product, at: datetime
) -> None:
    text = _get(sql, "products", tenant, product.id)
    succeeding = product.succeeding(None if text is None else codec.product(text), at)
    _put(sql, "products", tenant, product.id, codec.product_text(succeeding))


def _put(sql: sqlite3.Connection, shelf: Shelf, tenant: Tenant, name: str, text: str) -> None:
    statement = (
        f"INSERT INTO {shelf} (tenant, id, body) VALUES (?, ?, ?)"  # noqa: S608 - a Shelf
        " ON CONFLICT DO UPDATE SET body = excluded.body"
    )
    sql.execute(statement, (tenant, name, text))


def _remove(sql: sqlite3.Connection, shelf: Shelf, tenant: Tenant, name: str) -> bool:
    statement = f"DELETE FROM {shelf} WHERE tenant = ? AND id = ?"  # noqa: S608 - a Shelf
    return sql.execute(statement, (tenant, name)).rowcount > 0


def _get(sql: sqlite3.Connection, shelf: Shelf, tenant: Tenant, name: str) -> str | None:
    statement = f"SELECT body FROM {shelf} WHERE tenant = ? AND id = ?"  # noqa: S608 - a Shelf
    row = sql.execute(statement, (tenant, name)).fetchone()
    return None if row is None else str(row[0])


def _all(sql: sqlite3.Connection, shelf: Shelf, tenant: Tenant) -> Sequence[str]:
    statement = f"SELECT body FROM {shelf} WHERE tenant = ? ORDER BY id LIMIT {_MOST}"  # noqa: S608 - a Shelf
    return [str(body) for (body,) in sql.execute(statement, (tenant,))]


def _quote_key(key_id: str, secret: bytes | None, retired_at: int | None) -> QuoteKey:
    retired = None if retired_at is None else moment(retired_at)
    return QuoteKey(id=key_id, secret=secret, retired_at=retired)

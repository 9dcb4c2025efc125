"""Carts as records."""

from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros
from tillway.adapters.stores.records.purging import purged
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Sight
from tillway.adapters.stores.records.shelf import Shelf, blank
from tillway.core.carts import Cart, CartState
from tillway.core.ids import CartId
from tillway.core.tenancy import Tenant

MOST_COUNTED: Final = 1_000


def _columns(cart: Cart) -> Row:
    return blank(
        tenant=cart.tenant,
        id=cart.id,
        at=micros(cart.created_at),
        state=cart.state.value,
        group=cart.principal,
        due=micros(cart.expires_at),
    )


_CARTS: Final = Shelf(Kind.CARTS, Cart, _columns)


@frozen
class CartRecords:
    """Carts, open and paid."""

    calls: Calls
    codec: Codec

    async def add(self, cart: Cart) -> bool:
        """Write a cart; a repeat of its id does nothing and is False."""

        async def work(rows: Sight) -> bool:
            return await _CARTS.insert(rows, self.codec, cart)

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, cart: CartId) -> Cart | None:
        """Give a cart, expired or not."""

        async def work(rows: Sight) -> Cart | None:
            return await _CARTS.get(rows, self.codec, tenant, cart)

        return await self.calls.read(work)

    async def pay(
        self, tenant: Tenant, cart: CartId, payment: str, payer: str, at: datetime
    ) -> bool:
        """Mark an open cart as paid, or a reversed one, expired or not."""

        async def work(rows: Sight) -> bool:
            found = await _CARTS.find(rows, self.codec, tenant, cart)
            if found is None:
                return False
            if found.value.state is CartState.PAID:
                return found.value.paid_with == payment
            paid = evolve(
                found.value,
                state=CartState.PAID,
                paid_at=at,
                paid_by=payer,
                paid_with=payment,
            )
            return await _CARTS.swap(rows, self.codec, paid, found)

        return await self.calls.write(work)

    async def reverse(self, tenant: Tenant, cart: CartId, payment: str) -> bool:
        """Take back that this payment has paid a cart."""

        async def work(rows: Sight) -> bool:
            found = await _CARTS.find(rows, self.codec, tenant, cart)
            if found is None or found.value.state is not CartState.PAID:
                return False
            if found.value.paid_with != payment:
                return False
            unpaid = evolve(
                found.value,
                state=CartState.REVERSED,
                paid_at=None,
                paid_by=None,
                paid_with=None,
            )
            return await _CARTS.swap(rows, self.codec, unpaid, found)

        return await self.calls.write(work)

    async def unpaid(self, tenant: Tenant, principal: str, now: datetime) -> int:
        """Count a principal's carts that are open and not expired, to a thousand at most."""

        async def work(rows: Sight) -> int:
            return await rows.count(
                Kind.CARTS, tenant, principal, CartState.OPEN.value, micros(now), MOST_COUNTED
            )

        return await self.calls.read(work)

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove open carts of all tenants that expired before that time, and tell how many."""

        async def work(rows: Sight) -> int:
            return await purged(rows, Kind.CARTS, [CartState.OPEN.value], before, limit)

        return await self.calls.write(work)

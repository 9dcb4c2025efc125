"""Changing what is for sale, so that every process sells it soon after."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from attrs import define

from tillway.core.catalog import Coupon, Product, coupon_faults, product_faults
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.catalogue.edition import mark
from tillway.core.tenancy import Tenant

T = TypeVar("T")

_PATIENCE: Final = timedelta(seconds=5)
"""How long others may be quicker."""

_PAUSE: Final = 0.005
"""Seconds between two tries, and up to sixteen times as long by chance, so that nobody keeps
in step."""


def _nothing() -> None:
    """Have nothing to forget."""


@define(kw_only=True)
class Editing:
    """Write products and coupons to the main store.

    A change is one commit with the mark that tells all processes of it. What comes from
    elsewhere, the settings or another's table, is refused (Declined, ``forbidden``), for it
    would be written where nobody reads. ``products`` and ``coupons`` say where they come from;
    None is the main store.

    A change that meets others is tried again, which all of them bear; whether something was
    there to be removed is told by the last try.
    """

    store: Store
    clock: Clock
    random: Random
    products: str | None = None
    coupons: str | None = None
    forget: Callable[[], None] = _nothing

    def refuse_products_elsewhere(self) -> None:
        """Raise Declined (forbidden) if products do not come from the main store."""
        _refuse_elsewhere("Products", self.products)

    def refuse_coupons_elsewhere(self) -> None:
        """Raise Declined (forbidden) if coupons do not come from the main store."""
        _refuse_elsewhere("Coupons", self.coupons)

    async def put_product(self, tenant: Tenant, product: Product) -> None:
        """Write a product; a repeat changes nothing. Declined names all that is wrong with it."""
        self.refuse_products_elsewhere()
        faults = product_faults(product)
        if faults:
            raise Declined.for_faults(faults)
        await self._edited(lambda unit: unit.products.put(tenant, product, self.clock.now()))

    async def remove_product(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        self.refuse_products_elsewhere()
        return await self._edited(lambda unit: unit.products.remove(tenant, product))

    async def put_coupon(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing. Declined names all that is wrong with it."""
        self.refuse_coupons_elsewhere()
        faults = coupon_faults(coupon)
        if faults:
            raise Declined.for_faults(faults)
        await self._edited(lambda unit: unit.coupons.put(tenant, coupon))

    async def remove_coupon(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there. Its redemptions stay counted."""
        self.refuse_coupons_elsewhere()
        return await self._edited(lambda unit: unit.coupons.remove(tenant, code))

    async def _edited(self, change: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        try:
            return await self._tried(change)
        finally:
            self.forget()

    async def _tried(self, change: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """Change, and again if others were quicker or the store was kept busy by them."""
        until = self.clock.now() + _PATIENCE
        while True:
            try:
                return await self._once(change)
            except Unavailable:
                if self.clock.now() >= until:
                    raise
            await self.clock.sleep(_PAUSE * (1 + self.random(1)[0] / 16))

    async def _once(self, change: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        async with self.store.begin() as unit:
            answer = await change(unit)
            if not await mark(unit, self.clock.now()):
                raise Unavailable(Code.SERVICE_UNAVAILABLE, "Others are changing the catalogue.")
        return answer


def _refuse_elsewhere(what: str, source: str | None) -> None:
    if source is not None:
        raise Declined(Code.FORBIDDEN, f"{what} come from {source}: change them there.")

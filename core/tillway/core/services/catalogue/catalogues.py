"""The catalogue from a place of definitions, or as the operator's files fix it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from attrs import define, evolve, field, frozen

from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock
from tillway.core.ports.definitions import CouponDefinitions, ProductDefinitions
from tillway.core.ports.store import Store
from tillway.core.services.catalogue.caching import Cache
from tillway.core.tenancy import DEFAULT, Tenant

_MOST_LISTS = 100
"""Whole lists are large, and few tenants are busy at a time."""

Name = TypeVar("Name", bound=str)
Sold = TypeVar("Sold", Product, Coupon)


@frozen
class StoredProducts:
    """The products of the main store, which opens and closes by itself."""

    store: Store

    async def get(self, tenant: Tenant, name: ProductId) -> Product | None:
        """Give a product."""
        async with self.store.view(once=True) as view:
            return await view.products.get(tenant, name)

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending."""
        async with self.store.view(once=True) as view:
            return await view.products.all(tenant)

    async def start(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""


@frozen
class StoredCoupons:
    """The coupons of the main store, which opens and closes by itself."""

    store: Store

    async def get(self, tenant: Tenant, name: CouponCode) -> Coupon | None:
        """Give a coupon."""
        async with self.store.view(once=True) as view:
            return await view.coupons.get(tenant, name)

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending."""
        async with self.store.view(once=True) as view:
            return await view.coupons.all(tenant)

    async def start(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""


@define(kw_only=True)
class CachedCatalogue:
    """Read what is defined in a place, each answer at most its time to live old."""

    of_products: ProductDefinitions
    of_coupons: CouponDefinitions
    clock: Clock
    product_ttl: timedelta = timedelta(minutes=5)
    coupon_ttl: timedelta = timedelta(minutes=1)
    _product: Cache[tuple[Tenant, ProductId], Product | None] = field(init=False)
    _products: Cache[Tenant, Sequence[Product]] = field(init=False)
    _coupon: Cache[tuple[Tenant, CouponCode], Coupon | None] = field(init=False)
    _coupons: Cache[Tenant, Sequence[Coupon]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare a cache for each question."""
        clock, lists = self.clock, _MOST_LISTS
        products, coupons = self.product_ttl, self.coupon_ttl
        self._product = Cache(load=self._load_product, clock=clock, ttl=products)
        self._products = Cache(load=self._load_products, clock=clock, ttl=products, capacity=lists)
        self._coupon = Cache(load=self._load_coupon, clock=clock, ttl=coupons)
        self._coupons = Cache(load=self._load_coupons, clock=clock, ttl=coupons, capacity=lists)

    async def product(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give an active product."""
        return await self._product.get((tenant, product))

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Give the active products by id, ascending."""
        return await self._products.get(tenant)

    async def coupons(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the active coupons by code, ascending."""
        return await self._coupons.get(tenant)

    async def coupon(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give an active coupon."""
        return await self._coupon.get((tenant, code))

    def forget(self) -> None:
        """Drop all answers: the catalogue was edited."""
        for cache in (self._product, self._products, self._coupon, self._coupons):
            cache.clear()

    async def _load_product(self, key: tuple[Tenant, ProductId]) -> Product | None:
        return _active(await self.of_products.get(*key))

    async def _load_products(self, tenant: Tenant) -> Sequence[Product]:
        return _actives(await self.of_products.all(tenant))

    async def _load_coupon(self, key: tuple[Tenant, CouponCode]) -> Coupon | None:
        return _active(await self.of_coupons.get(*key))

    async def _load_coupons(self, tenant: Tenant) -> Sequence[Coupon]:
        return _actives(await self.of_coupons.all(tenant))


@define(init=False)
class FixedCatalogue:
    """Definitions that hold for as long as the process runs, of one tenant.

    ValueError for two of one name. Until ``sync`` nothing is known of previous prices.
    """

    _products: Mapping[ProductId, Product]
    _coupons: Mapping[CouponCode, Coupon]
    tenant: Tenant
    _on_offer: Sequence[Coupon] = field(init=False)

    @_on_offer.default
    def _active_coupons(self) -> Sequence[Coupon]:
        return _actives(self._coupons.values())

    def __init__(
        self, products: Iterable[Product], coupons: Iterable[Coupon], tenant: Tenant = DEFAULT
    ) -> None:
        self.__attrs_init__(
            _by_name((product.id, product) for product in products),
            _by_name((coupon.code, coupon) for coupon in coupons),
            tenant,
        )

    async def sync(self, store: Store, at: datetime) -> None:
        """Write the products to the store and read back their previous prices.

        A price that differs from the one of the last run counts as changed ``at``. A repeat
        changes nothing. What is no longer defined stays in the store, and is not sold.
        """
        async with store.begin() as unit:
            for product in self._products.values():
                await unit.products.put(self.tenant, product, at)
            stored = [await unit.products.get(self.tenant, key) for key in self._products]
        previous = {known.id: known.previous for known in stored if known is not None}
        self._products = {
            key: evolve(product, previous=previous.get(key))
            for key, product in self._products.items()
        }

    async def product(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give an active product."""
        return _active(self._products.get(product)) if tenant == self.tenant else None

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Give the active products by id, ascending."""
        return _actives(self._products.values()) if tenant == self.tenant else ()

    async def coupons(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the active coupons by code, ascending."""
        return self._on_offer if tenant == self.tenant else ()

    async def coupon(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give an active coupon."""
        return _active(self._coupons.get(code)) if tenant == self.tenant else None


@define(kw_only=True)
class JoinedCatalogue:
    """Products from one source, coupons from another."""

    of_products: Catalogue
    of_coupons: Catalogue

    async def product(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give an active product."""
        return await self.of_products.product(tenant, product)

    async def products(self, tenant: Tenant) -> Sequence[Product]:
        """Give the active products by id, ascending."""
        return await self.of_products.products(tenant)

    async def coupons(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the active coupons by code, ascending."""
        return await self.of_coupons.coupons(tenant)

    async def coupon(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give an active coupon."""
        return await self.of_coupons.coupon(tenant, code)


def _active(found: Sold | None) -> Sold | None:
    return found if found is not None and found.active else None


def _actives(found: Iterable[Sold]) -> Sequence[Sold]:
    return tuple(each for each in found if each.active)


def _by_name(pairs: Iterable[tuple[Name, Sold]]) -> Mapping[Name, Sold]:
    named: dict[Name, Sold] = {}
    for name, each in sorted(pairs, key=lambda pair: pair[0]):
        if name in named:
            raise ValueError(f"two definitions are called {name}")
        named[name] = each
    return named

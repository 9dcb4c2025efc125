"""Where products and coupons come from: the settings, the main store, or a place beside it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Protocol, TypeVar

from attrs import define, field, frozen

from tillway.core.errors import Fault as FieldFault
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock
from tillway.core.ports.definitions import (
    CouponDefinitions,
    Misfit,
    NamesFaults,
    ProductDefinitions,
)
from tillway.core.ports.rails import Starts
from tillway.core.ports.store import Store
from tillway.core.secrets import Secret
from tillway.core.services.catalogue.catalogues import (
    CachedCatalogue,
    FixedCatalogue,
    JoinedCatalogue,
    StoredCoupons,
    StoredProducts,
)
from tillway.core.services.catalogue.editing import Editing
from tillway.core.services.catalogue.edition import Edition
from tillway.core.tenancy import Tenant
from tillway.entrypoints.definitions import coupons_of, products_of
from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.entrypoints.settings.loading import Settings
from tillway.plugins.context import Context
from tillway.plugins.registry import Registry
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.storage import DATABASES, StorageSettings

_Startable = TypeVar("_Startable", bound=Starts)


class _Place(Protocol):
    """What a section says of where its definitions are."""

    @property
    def postgres_url(self) -> Secret | None: ...
    @property
    def mongodb_url(self) -> Secret | None: ...
    @property
    def mongodb_database(self) -> str: ...


@frozen(kw_only=True)
class _Named:
    """A source, as a section of the settings names it."""

    section: str
    key: str
    source: str
    layout: str
    place: _Place
    mapping: str

    @property
    def is_fixed(self) -> bool:
        """Tell whether the settings have the definitions themselves, or there are none."""
        return self.source in ("yaml", "disabled")

    def is_stores_own(self, storage: StorageSettings) -> bool:
        """Tell whether the main store has these definitions, as gateways keep them."""
        place = self.place
        if self.source == "postgres":
            here = place.postgres_url == storage.postgres_url
        elif self.source == "mongodb":
            databases = (place.mongodb_database, storage.mongodb_database)
            here = place.mongodb_url == storage.mongodb_url and databases[0] == databases[1]
        else:
            here = True
        return here and self.source == storage.backend and self.layout == "tillway"

    def elsewhere(self, storage: StorageSettings) -> str | None:
        """Say where the definitions come from, if not from the main store."""
        if self.is_stores_own(storage):
            return None
        return "the settings" if self.is_fixed else f"a place of its own ({self.section})"

    def fault(self, found: FieldFault) -> Fault:
        """Say by its key what a place is not."""
        key = (
            f"{self.mapping}.{found.field}" if found.field else f"{self.section}.{self.source}_url"
        )
        return Fault(key=key, message=found.message)


@define(kw_only=True)
class Sources:
    """Build the catalogue that the settings describe, and open the places that it is read from.

    Places other than the main store hold definitions only: nothing else is read there, and
    nothing is written.
    """

    settings: Settings
    store: Store
    clock: Clock
    context: Context
    registry: Registry
    catalogue: Catalogue = field(init=False)
    edition: Edition | None = field(default=None, init=False)
    """What has this process forget what others have changed; None if nothing is remembered."""
    _fixed: FixedCatalogue = field(init=False)
    _cached: CachedCatalogue = field(init=False)
    _beside: list[tuple[_Named, Starts]] = field(factory=list, init=False)
    _open: AsyncExitStack = field(factory=AsyncExitStack, init=False)

    def __attrs_post_init__(self) -> None:
        """Make both sources and choose; SettingsError for what cannot be read."""
        paywall, coupons = self._sections
        self._refuse_unreadable()
        self._fixed = FixedCatalogue(
            products_of(paywall.resources.values(), self.context.assets),
            coupons_of(coupons.coupons.values()) if coupons.coupon_source == "yaml" else (),
        )
        self._cached = CachedCatalogue(
            of_products=self._products(),
            of_coupons=self._coupons(),
            clock=self.clock,
            product_ttl=paywall.product_cache_ttl,
            coupon_ttl=coupons.cache_ttl,
        )
        products, codes = self._named
        remembered = zip(self._named, (paywall.product_cache_ttl, coupons.cache_ttl), strict=True)
        if any(ttl and named.is_stores_own(self._storage) for named, ttl in remembered):
            self.edition = Edition(store=self.store, forget=self.forget)
        self.catalogue = JoinedCatalogue(
            of_products=self._fixed if products.is_fixed else self._cached,
            of_coupons=self._fixed if codes.is_fixed else self._cached,
        )

    def editing(self) -> Editing:
        """Give what changes products and coupons of the main store, and no others."""
        products, coupons = (named.elsewhere(self._storage) for named in self._named)
        return Editing(
            store=self.store,
            clock=self.clock,
            random=self.context.random,
            products=products,
            coupons=coupons,
            forget=self.forget,
        )

    async def sync(self, at: datetime) -> None:
        """Let the store know the prices in the settings, and learn the ones before."""
        await self._fixed.sync(self.store, at)

    def forget(self) -> None:
        """Read definitions afresh that come from a database."""
        self._cached.forget()

    async def start(self) -> None:
        """Open what is beside the store. SettingsError names all that is not as they say."""
        faults: list[Fault] = []
        for named, place in self._beside:
            self._open.push_async_callback(place.aclose)
            try:
                await place.start()
            except Misfit as misfit:
                faults += [named.fault(fault) for fault in misfit.faults]
        if faults:
            raise SettingsError(faults)

    async def faults(self, tenant: Tenant) -> Sequence[str]:
        """Name the definitions beside the store that make no sense. Raises Unavailable."""
        places = [place for _, place in self._beside if isinstance(place, NamesFaults)]
        return [fault for place in places for fault in await place.faults(tenant)]

    async def aclose(self) -> None:
        """Close it in reverse order. A repeat does nothing."""
        await self._open.aclose()

    @property
    def _sections(self) -> tuple[PaywallSettings, CouponSettings]:
        return self.settings.section(PaywallSettings), self.settings.section(CouponSettings)

    @property
    def _named(self) -> tuple[_Named, _Named]:
        paywall, coupons = self._sections
        return (
            _Named(
                section="paywall",
                key="paywall.product_source",
                source=paywall.product_source,
                layout=paywall.product_layout,
                place=paywall,
                mapping="storage.schema_mapping.products",
            ),
            _Named(
                section="coupons",
                key="coupons.coupon_source",
                source=coupons.coupon_source,
                layout=coupons.coupon_layout,
                place=coupons,
                mapping="storage.schema_mapping.coupons",
            ),
        )

    def _refuse_unreadable(self) -> None:
        backend = self._storage.backend
        readable = ("yaml", "disabled", backend, *DATABASES)
        message = (
            f"only yaml, {', '.join(DATABASES)} and {backend}, the storage.backend, can be read"
        )
        wrong = [named for named in self._named if named.source not in readable]
        if wrong:
            raise SettingsError([Fault(key=named.key, message=message) for named in wrong])

    def _products(self) -> ProductDefinitions:
        named = self._named[0]
        if named.is_fixed or named.is_stores_own(self._storage):
            return StoredProducts(self.store)
        return self._kept(named, self.registry.products(named.source, self.context))

    def _coupons(self) -> CouponDefinitions:
        named = self._named[1]
        if named.is_fixed or named.is_stores_own(self._storage):
            return StoredCoupons(self.store)
        return self._kept(named, self.registry.coupons(named.source, self.context))

    def _kept(self, named: _Named, place: _Startable) -> _Startable:
        self._beside.append((named, place))
        return place

    @property
    def _storage(self) -> StorageSettings:
        return self.settings.section(StorageSettings)

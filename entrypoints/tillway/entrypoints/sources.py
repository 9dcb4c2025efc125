"""Where products and coupons come from: the settings, or the main store."""

from datetime import datetime

from attrs import define, field

from tillway.core.assets import Assets
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Store
from tillway.core.services.catalogue import FixedCatalogue, JoinedCatalogue, StoredCatalogue
from tillway.entrypoints.definitions import coupons_of, products_of
from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.entrypoints.settings.loading import Settings
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.storage import StorageSettings


@define(kw_only=True)
class Sources:
    """Build the catalogue that the settings describe.

    Definitions in the settings file, or the database of ``storage.backend``: no other database
    is read, and settings that name one are refused.
    """

    settings: Settings
    store: Store
    clock: Clock
    assets: Assets
    catalogue: Catalogue = field(init=False)
    _fixed: FixedCatalogue = field(init=False)
    _stored: StoredCatalogue = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make both sources and choose; SettingsError for what cannot be read."""
        paywall = self.settings.section(PaywallSettings)
        coupons = self.settings.section(CouponSettings)
        self._fixed = FixedCatalogue(
            products_of(paywall.resources.values(), self.assets),
            coupons_of(coupons.coupons.values()) if coupons.coupon_source == "yaml" else (),
        )
        self._stored = StoredCatalogue(
            store=self.store,
            clock=self.clock,
            product_ttl=paywall.product_cache_ttl,
            coupon_ttl=coupons.cache_ttl,
        )
        self.catalogue = JoinedCatalogue(
            of_products=self._of("paywall.product_source", paywall.product_source),
            of_coupons=self._of("coupons.coupon_source", coupons.coupon_source),
        )

    async def sync(self, at: datetime) -> None:
        """Let the store know the prices in the settings, and learn the ones before."""
        await self._fixed.sync(self.store, at)

    def _of(self, key: str, source: str) -> Catalogue:
        backend = self.settings.section(StorageSettings).backend
        if source in ("yaml", "disabled"):
            return self._fixed
        if source == backend:
            return self._stored
        message = f"only yaml and {backend}, the storage.backend, can be read"
        raise SettingsError([Fault(key=key, message=message)])

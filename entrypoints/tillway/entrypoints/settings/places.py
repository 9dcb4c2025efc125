"""Which databases the settings name, and whether what they name can be."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.entrypoints.settings.draft import Draft
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.pools import Pool
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings


@frozen(kw_only=True)
class _Named:
    """A section that names the databases of its definitions."""

    section: str
    key: str
    source: str
    postgres_url: Secret | None
    mongodb_url: Secret | None
    postgres_pool: Pool


def check_places(draft: Draft) -> None:
    """Name databases that are missing, or that are not where their contents can be."""
    for check in _CHECKS:
        check(draft)


def _sources(draft: Draft) -> Iterator[_Named]:
    paywall, coupons = draft.find(PaywallSettings), draft.find(CouponSettings)
    if paywall is not None:
        yield _Named(
            section="paywall",
            key="product_source",
            source=paywall.product_source,
            postgres_url=paywall.postgres_url,
            mongodb_url=paywall.mongodb_url,
            postgres_pool=paywall.postgres_pool,
        )
    if coupons is not None:
        yield _Named(
            section="coupons",
            key="coupon_source",
            source=coupons.coupon_source,
            postgres_url=coupons.postgres_url,
            mongodb_url=coupons.mongodb_url,
            postgres_pool=coupons.postgres_pool,
        )


def _urls(draft: Draft) -> None:
    """Ask for the URL of each database that is a source, in the words of the admin contract."""
    for each in _sources(draft):
        url = {"postgres": each.postgres_url, "mongodb": each.mongodb_url}.get(each.source, "none")
        key = f"{each.section}.{each.source}_url"
        if url or not draft.is_sound(key, f"{each.section}.{each.key}", "storage.backend"):
            continue
        draft.refuse(key, f"{key} is required when {each.key}={each.source}")


def _pools(draft: Draft) -> None:
    """Warn of a pool that is not made, because its database is the store's."""
    storage = draft.find(StorageSettings)
    for each in _sources(draft):
        key = f"{each.section}.postgres_pool"
        shared = (
            storage is not None
            and each.source == storage.backend == "postgres"
            and each.postgres_url == storage.postgres_url
        )
        if shared and each.postgres_pool != Pool():
            draft.warn(key, "is not used: the database is the store's, and has one pool")


def _subscriptions(draft: Draft) -> None:
    """Refuse to keep subscriptions apart from the payments that they come from."""
    storage, subscriptions = draft.find(StorageSettings), draft.find(SubscriptionSettings)
    if storage is None or subscriptions is None or not draft.is_sound("storage", "subscriptions"):
        return
    store = storage.postgres_url if storage.backend == "postgres" else None
    if subscriptions.postgres_url is not None and subscriptions.postgres_url != store:
        key = "subscriptions.postgres_url"
        draft.refuse(
            key, "must be the store's own, or not set: subscriptions are kept in the store"
        )
    elif subscriptions.backend == "postgres" and store is None:
        key = "subscriptions.postgres_url"
        draft.refuse(key, f"{key} is required when backend=postgres")


_CHECKS: Final[Sequence[Callable[[Draft], None]]] = (_urls, _pools, _subscriptions)

import pytest

from support.settings_files import faults_of, loaded
from tillway.core.secrets import Secret
from tillway.entrypoints.settings.showing import effective_values
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings

POSTGRES = {"storage.backend": "postgres", "storage.postgres_url": "pg://s"}


class TestFallback:
    @pytest.mark.parametrize("backend", ["postgres", "file"])
    def test_the_stores_url_serves_where_no_other_is_named(self, backend: str) -> None:
        """The chain ends at storage.postgres_url, whatever keeps the payments."""
        settings = loaded(
            {
                "storage.backend": backend,
                "storage.postgres_url": "pg://s",
                "paywall.product_source": "postgres",
                "coupons.coupon_source": "postgres",
            }
        )

        assert settings.section(PaywallSettings).postgres_url == Secret("pg://s")
        assert settings.section(CouponSettings).postgres_url == Secret("pg://s")
        for key in ("paywall.postgres_url", "coupons.postgres_url"):
            assert settings.origins[key] == "storage.postgres_url"

    def test_subscriptions_inherit_it_too(self) -> None:
        """The third link of the chain."""
        settings = loaded(POSTGRES | {"subscriptions.backend": "postgres"})

        assert settings.section(SubscriptionSettings).postgres_url == Secret("pg://s")
        assert settings.origins["subscriptions.postgres_url"] == "storage.postgres_url"

    def test_what_is_inherited_is_shown_and_stays_secret(self) -> None:
        """`config check --show` tells that there is a URL and whose, not which."""
        settings = loaded(POSTGRES)
        shown = {
            each.key: (each.value, each.origin)
            for each in effective_values(settings.sections, settings.origins)
        }

        assert shown["paywall.postgres_url"] == ("***", "storage.postgres_url")
        assert shown["coupons.postgres_url"] == ("***", "storage.postgres_url")


class TestMissing:
    def test_every_missing_url_is_named_in_the_contracts_words(self) -> None:
        """Both at once, as the admin contract has them."""
        faults = faults_of(
            {"paywall.product_source": "postgres", "coupons.coupon_source": "postgres"}
        )

        assert faults == [
            "paywall.postgres_url is required when product_source=postgres",
            "coupons.postgres_url is required when coupon_source=postgres",
        ]

    def test_one_url_of_two_is_not_enough(self) -> None:
        """Who names one database of his own names all that he uses."""
        faults = faults_of(
            {
                "paywall.product_source": "postgres",
                "paywall.postgres_url": "pg://p",
                "coupons.coupon_source": "postgres",
            }
        )

        assert faults == ["coupons.postgres_url is required when coupon_source=postgres"]

    def test_mongodb_asks_for_its_own(self) -> None:
        """A URL of PostgreSQL does not stand in for it."""
        faults = faults_of({"paywall.product_source": "mongodb", "storage.postgres_url": "pg://s"})

        assert faults == ["paywall.mongodb_url is required when product_source=mongodb"]

    def test_a_store_without_url_is_named_once(self) -> None:
        """What follows from it is not said again."""
        (fault,) = faults_of({"storage.backend": "postgres"})

        assert fault.startswith("storage.backend: needs storage.postgres_url (POSTGRES_URL)")


class TestSubscriptions:
    @pytest.mark.parametrize("store", [{}, POSTGRES])
    def test_a_database_of_their_own_is_refused(self, store: dict[str, str]) -> None:
        """They are kept with the payments that they come from, whichever store that is."""
        (fault,) = faults_of(store | {"subscriptions.postgres_url": "pg://elsewhere-secret"})

        assert fault.startswith("subscriptions.postgres_url: must be the store's own")
        assert "elsewhere" not in fault

    def test_the_stores_database_may_be_named(self) -> None:
        """To say what holds anyway is no fault."""
        assert faults_of(POSTGRES | {"subscriptions.postgres_url": "pg://s"}) == []

    def test_postgres_without_a_database_is_refused(self) -> None:
        """A store in a file is none."""
        assert faults_of({"subscriptions.backend": "postgres"}) == [
            "subscriptions.postgres_url is required when backend=postgres"
        ]


class TestPools:
    def test_a_pool_that_is_never_made_is_warned_of(self) -> None:
        """A database that is the store's has the store's pool."""
        keys = {"paywall.postgres_pool.max_open_conns": "3"}

        assert any(
            warning.startswith("paywall.postgres_pool: is not used")
            for warning in loaded(POSTGRES | keys).warnings
        )
        own = keys | {"paywall.postgres_url": "pg://p"}
        assert not any("is not used: the database" in w for w in loaded(POSTGRES | own).warnings)

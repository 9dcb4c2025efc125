import pytest

from support.settings_files import SHOP, WALLET, loaded
from tillway.core.secrets import Secret
from tillway.entrypoints.settings.loading import Settings, Source, glance, load
from tillway.entrypoints.settings.sections import BUILT_IN, ServerSettings
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.limits import RateLimitSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.pools import Pool
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.stripe import StripeSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings
from tillway.plugins.settings.x402 import X402Settings

POSTGRES = {"storage.backend": "postgres", "storage.postgres_url": "pg://s"}


def _paywall(settings: Settings) -> PaywallSettings:
    return settings.section(PaywallSettings)


class TestStores:
    @pytest.mark.parametrize(
        ("variables", "backend"),
        [
            ({}, "file"),
            ({"MONGODB_URL": "mongodb://s"}, "mongodb"),
            ({"POSTGRES_URL": "pg://s", "MONGODB_URL": "mongodb://s"}, "postgres"),
        ],
    )
    def test_the_likeliest_store_is_taken(self, variables: dict[str, str], backend: str) -> None:
        """Without a word, PostgreSQL comes before MongoDB, and a file after both."""
        assert loaded(variables=variables).section(StorageSettings).backend == backend

    def test_an_unknown_store_is_the_registrys_concern(self) -> None:
        """A plugin may bring any store, so its name is only passed on."""
        assert loaded({"storage.backend": "tape"}).section(StorageSettings).backend == "tape"

    def test_memory_is_for_development(self) -> None:
        """What forgets payments runs where nobody pays."""
        keys = {"storage.backend": "memory", "logging.environment": "staging"}

        assert loaded(keys).section(StorageSettings).backend == "memory"

    def test_idle_connections_are_never_more_than_open_ones(self) -> None:
        """A small pool keeps no more than it may have."""
        storage = loaded({"storage.postgres_pool.max_open_conns": "3"}).section(StorageSettings)

        assert storage.postgres_pool == Pool(max_open_conns=3, max_idle_conns=3)

    @pytest.mark.parametrize("text", ["0", "-5"])
    def test_a_pool_of_nothing_is_the_usual_one(self, text: str) -> None:
        """Zero and less mean the default, as in Cedros."""
        storage = loaded({"storage.postgres_pool.max_open_conns": text}).section(StorageSettings)

        assert storage.postgres_pool.max_open_conns == 25


class TestSources:
    def test_a_database_brings_products_and_coupons(self) -> None:
        """Sources, addresses and tables follow the store, and say so."""
        table = {"storage.schema_mapping.products.table_name": "shop.goods"}
        settings = loaded(POSTGRES | table)
        coupons = settings.section(CouponSettings)

        assert _paywall(settings).product_source == coupons.coupon_source == "postgres"
        assert _paywall(settings).postgres_url == coupons.postgres_url == Secret("pg://s")
        assert _paywall(settings).postgres_table_name == "shop.goods"
        assert _paywall(settings).mongodb_collection == "shop.goods"
        assert coupons.postgres_table_name == "coupons"
        assert settings.origins["paywall.product_source"] == "storage.backend"
        assert settings.origins["coupons.postgres_url"] == "storage.postgres_url"

    def test_mongodb_brings_its_database_too(self) -> None:
        """The deployment and the database in it are the store's."""
        settings = loaded({"storage.backend": "mongodb"}, {"MONGODB_URL": "mongodb://s"})

        assert _paywall(settings).mongodb_url == Secret("mongodb://s")
        assert _paywall(settings).mongodb_database == "cedros_pay"
        assert _paywall(settings).postgres_url is None

    def test_what_is_set_stays(self) -> None:
        """Nothing derived takes the place of what was said."""
        settings = loaded(
            POSTGRES | {"paywall.product_source": "yaml", "coupons.postgres_url": "pg://c"}
        )

        assert _paywall(settings).product_source == "yaml"
        assert _paywall(settings).postgres_url is None
        assert settings.section(CouponSettings).postgres_url == Secret("pg://c")

    def test_a_databases_products_hide_the_files(self) -> None:
        """Products in the file are dropped with a warning, as in Cedros."""
        settings = loaded(POSTGRES)

        assert _paywall(settings).resources == {}
        assert settings.warnings == (
            "paywall.resources: are not used: product_source is postgres [yaml line 6]",
        )

    def test_disabled_coupons_are_dropped(self) -> None:
        """Coupons that are switched off are not kept either."""
        coupon = "{code: A, discount_type: fixed, discount_value: 1, scope: all}"
        settings = loaded({"coupons.coupons.a": coupon, "coupons.coupon_source": "disabled"})

        assert settings.section(CouponSettings).coupons == {}
        assert "coupon_source is disabled" in settings.warnings[0]

    def test_subscriptions_fall_back_to_the_store(self) -> None:
        """The fallback that Cedros' comment promises exists."""
        settings = loaded(POSTGRES | {"subscriptions.backend": "postgres"})

        assert settings.section(SubscriptionSettings).postgres_url == Secret("pg://s")


class TestProducts:
    def test_a_product_is_called_by_its_entry(self) -> None:
        """The entry's key is the id, blank or not set."""
        settings = loaded({"paywall.resources.other": '{resource_id: "", stripe_price_id: p}'})

        assert _paywall(settings).resources["other"].resource_id == "other"

    def test_prices_are_in_the_token_that_is_taken(self) -> None:
        """The symbol of the mint is the default, not its address."""
        usdt = "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"
        settings = loaded({"x402.token_mint": usdt})

        assert _paywall(settings).resources["item"].crypto_token == "USDT"

    def test_without_x402_they_are_in_usdc(self) -> None:
        """A shop of cards may list prices that nobody can pay yet."""
        settings = loaded(
            {"paywall.resources.item.crypto_atomic_amount": "5"},
            without=["x402.payment_address", "x402.token_mint"],
        )

        assert _paywall(settings).resources["item"].crypto_token == "USDC"


class TestNodes:
    def test_pubsub_follows_the_node(self) -> None:
        """A changed node never leaves PubSub on mainnet."""
        x402 = loaded({"x402.rpc_url": "http://127.0.0.1:8899"}).section(X402Settings)

        assert x402.ws_url == "ws://127.0.0.1:8899"

    def test_the_first_of_several_nodes_is_the_node(self) -> None:
        """A list of nodes never leaves the first on mainnet."""
        x402 = loaded({"x402.rpc_urls": "[https://a.example, https://b.example]"}).section(
            X402Settings
        )

        assert x402.rpc_url == "https://a.example"
        assert x402.ws_url == "wss://a.example"
        assert x402.endpoints == ("https://a.example", "https://b.example")

    def test_the_node_comes_before_the_list(self) -> None:
        """`rpc_url` stays the first, each node once."""
        x402 = loaded(
            {
                "x402.rpc_url": "https://b.example",
                "x402.rpc_urls": "[https://a.example, https://b.example]",
            }
        ).section(X402Settings)

        assert x402.endpoints == ("https://b.example", "https://a.example")


class TestNested:
    def test_the_documents_form_of_rate_limits_is_read(self) -> None:
        """`global: {enabled, limit, window}` is `global_enabled` and so on."""
        limits = loaded(
            {
                "rate_limit.global": "{enabled: false, limit: 5, window: 2m}",
                "rate_limit.per_ip": "{limit: 7}",
                "rate_limit.per_wallet_limit": "8",
            }
        ).section(RateLimitSettings)

        assert (limits.global_enabled, limits.global_limit) == (False, 5)
        assert limits.global_window.total_seconds() == 120
        assert (limits.per_ip_limit, limits.per_wallet_limit) == (7, 8)

    def test_both_forms_at_once_are_refused(self) -> None:
        """Nobody guesses which of two numbers is meant."""
        source = Source(yaml="rate_limit: {global_limit: 5, global: {limit: 6}}")
        with pytest.raises(Exception, match=r"rate_limit.global_limit: is set twice"):
            load({"rate_limit": RateLimitSettings}, source)


class TestRails:
    def test_a_shop_of_cards_needs_no_wallet(self) -> None:
        """A rail's required keys bind only when something in its section is set."""
        settings = loaded(
            {"stripe.secret_key": "sk", "stripe.webhook_secret": "wh"},
            without=["x402.payment_address", "x402.token_mint"],
        )

        assert settings.find(X402Settings) is None
        assert settings.section(StripeSettings).secret_key == Secret("sk")
        with pytest.raises(LookupError):
            settings.section(X402Settings)

    @pytest.mark.parametrize(
        ("text", "variables", "rails"),
        [
            ("", {}, ()),
            ("x402:\n", {}, ()),
            ("x402: {}", {}, ("x402",)),
            ("", {"X402_TOKEN_MINT": WALLET}, ("x402",)),
            ("", {"X402_SERVER_WALLET_1": "w"}, ("x402",)),
            ("", {"X402_SERVER_WALLET_1_FILE": "w"}, ("x402",)),
            ("", {"CEDROS_X402_NETWORK": ""}, ()),
            ("stripe: {mode: live}", {"TILLWAY_X402_CLAIM_LEASE": "5s"}, ("x402", "stripe")),
            ("x402: 5", {}, ("x402",)),
        ],
    )
    def test_a_rail_is_wanted_when_anything_in_it_is_set(
        self, text: str, variables: dict[str, str], rails: tuple[str, ...]
    ) -> None:
        """Keys in YAML and variables count; a bare name and empty variables do not."""
        assert glance(Source(yaml=text, environ=variables)).rails == rails

    def test_a_glance_tells_what_to_load(self) -> None:
        """Plugins and the store are known before any section's class is, faults or not."""
        text = "plugins: [iban]\nstorage: {backend: tape, oops: 1}\niban: {}\n"
        first = glance(Source(yaml=text))

        assert (first.plugins, first.backend) == (("iban",), "tape")
        assert glance(Source(yaml="[")).backend == "file"


class TestServer:
    @pytest.mark.parametrize(
        ("address", "host", "port"),
        [(":8080", "", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("'[::1]:9'", "::1", 9)],
    )
    def test_an_address_is_a_host_and_a_port(self, address: str, host: str, port: int) -> None:
        """The parts are ready to listen on."""
        server = loaded({"server.address": address}).section(ServerSettings)

        assert (server.host, server.port) == (host, port)

    @pytest.mark.parametrize(
        ("text", "prefix"), [("api", "/api"), ("/api/", "/api"), ("/", ""), ("/a/b", "/a/b")]
    )
    def test_the_prefix_has_one_form(self, text: str, prefix: str) -> None:
        """A leading slash is added, one at the end goes."""
        server = loaded({"server.route_prefix": text}).section(ServerSettings)

        assert server.route_prefix == prefix


class TestDefaults:
    def test_only_required_keys_are_needed(self) -> None:
        """A wallet, a mint and a product are a gateway, in production, on SQLite."""
        settings = loaded()

        assert set(settings.sections) == set(BUILT_IN) - {"stripe"}
        assert settings.warnings == ()
        assert settings.not_in_force == ()
        assert set(settings.origins) == {*SHOP, "paywall.resources"}

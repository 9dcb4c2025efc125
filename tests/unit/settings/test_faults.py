from collections.abc import Mapping

import pytest

from support.settings_files import DEVNET_USDC, SHOP, USDC, WALLET, faults_of, file_of, loaded
from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.entrypoints.settings.loading import Source, load
from tillway.entrypoints.settings.sections import BUILT_IN, ServerSettings
from tillway.plugins.settings.x402 import X402Settings

HIDDEN = "hunter2-hunter2-hunter2"
RESOURCE = "paywall.resources.item"
COUPON = "coupons.coupons.item"
GOOD_COUPON = {
    f"{COUPON}.code": "ITEM",
    f"{COUPON}.discount_type": "percentage",
    f"{COUPON}.discount_value": "10",
    f"{COUPON}.scope": "all",
}


class TestTogether:
    def test_every_fault_is_named_at_once(self) -> None:
        """Faults of all kinds and sections come in one error, one line each."""
        text = """
server: {addres: ":1", read_timeout: soon}
x402: {gasless_enabled: true, commitment: sure}
paywall: {resources: {a: {description: free}, cart_x: {stripe_price_id: p}}}
storage: {cart_quote_ttl: -1s}
unknown: {}
"""
        with pytest.raises(SettingsError) as refused:
            load(BUILT_IN, Source(yaml=text))

        lines = str(refused.value).splitlines()
        assert len(lines) == len(refused.value.faults) == 10
        starts = [
            "unknown: is no section",
            "server.addres: is no setting (did you mean address?)",
            "server.read_timeout: must be a duration",
            "storage.cart_quote_ttl: must be more than zero",
            "x402.payment_address is required",
            "x402.token_mint is required",
            "x402.commitment: must be one of processed, confirmed, finalized, not 'sure'",
            "x402.server_wallet_keys (X402_SERVER_WALLET_1",
            "paywall.resources.cart_x.resource_id: is reserved",
            'paywall.resources.a: paywall.resource "a" must define fiat_amount_cents',
        ]
        for start in starts:
            assert any(line.startswith(start) for line in lines), (start, lines)

    def test_a_fault_tells_where_its_value_stood(self) -> None:
        """The line of the file or the variable's name stands behind."""
        assert faults_of({"server.read_timeout": "soon"})[0].endswith("'soon' [yaml line 10]")
        (fault,) = faults_of(variables={"CEDROS_PAYWALL_QUOTE_TTL": "soon"})
        assert fault.endswith("[CEDROS_PAYWALL_QUOTE_TTL]")

    def test_very_many_faults_end_somewhere(self) -> None:
        """A hundred lines are enough."""
        error = SettingsError(Fault(key=f"k{n}", message="is bad") for n in range(150))

        assert str(error).splitlines()[-1] == "and 50 more"


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("key", "line"),
        [
            ("serve", "serve: is no section (did you mean server?)"),
            ("iban", "iban: is no section (a plugin's section needs its name in plugins)"),
            ("server.adress", "server.adress: is no setting (did you mean address?)"),
            ("x402.sponsor.sol_eur", "x402.sponsor.sol_eur: is no setting (did you mean sol_usd?)"),
            (f"{RESOURCE}.price", f"{RESOURCE}.price: is no setting"),
            ("rate_limit.global.limits", "rate_limit.global.limits: is no setting (did you mean"),
            ("rate_limit.total.limit", "rate_limit.total.limit: is no setting"),
        ],
    )
    def test_each_is_named_with_what_it_could_be(self, key: str, line: str) -> None:
        """A key that nothing reads is refused, wherever it stands."""
        (fault,) = faults_of({key: "{}" if "." not in key else "1"})

        assert fault.startswith(line)

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"server": "5"}, "server: must be a mapping"),
            ({"x402.sponsor": "[1]"}, "x402.sponsor: must be a mapping"),
            ({RESOURCE: "5"}, f"{RESOURCE}: must be a mapping"),
            ({"paywall.resources": "[1]"}, "paywall.resources: must be a mapping"),
            ({"server.address": "[1]"}, "server.address: must be a single value"),
            ({"server.cors_allowed_origins": "x"}, "server.cors_allowed_origins: must be a list"),
            ({"x402.allowed_tokens": "[{a: b}]"}, "x402.allowed_tokens: must be a list of single"),
            ({"callbacks.headers": "x"}, "callbacks.headers: must be a mapping"),
            ({"callbacks.headers": "{a: [b]}"}, "callbacks.headers.a: must be a single value"),
            ({"x402.extra_mints": "{}"}, "x402.extra_mints: must be a list"),
        ],
    )
    def test_wrong_shapes_are_named(self, keys: dict[str, str], words: str) -> None:
        """A block where a value belongs, or the other way round, is a fault of that key."""
        flat = {
            key: text for key, text in SHOP.items() if not key.startswith(f"{next(iter(keys))}.")
        }
        with pytest.raises(SettingsError) as refused:
            load(BUILT_IN, Source(yaml=file_of(flat | keys)))

        assert any(str(fault).startswith(words) for fault in refused.value.faults)


class TestContractMessages:
    @pytest.mark.parametrize(
        ("keys", "line"),
        [
            (
                {"stripe.publishable_key": "pk"},
                "stripe.secret_key is required when publishable key is set",
            ),
            ({"x402.payment_address": '""'}, "x402.payment_address is required"),
            ({"x402.token_mint": '""'}, "x402.token_mint is required"),
            ({"x402.token_mint": WALLET}, "x402.token_mint validation failed: "),
            ({"x402.rpc_url": '""'}, "x402.rpc_url: is required"),
            (
                {"x402.gasless_enabled": "true"},
                "x402.server_wallet_keys (X402_SERVER_WALLET_1",
            ),
            (
                {"x402.auto_create_token_account": "true"},
                "x402.server_wallet_keys (X402_SERVER_WALLET_1",
            ),
            (
                {f"{RESOURCE}.fiat_amount_cents": "0", f"{RESOURCE}.stripe_price_id": '""'},
                f'{RESOURCE}: paywall.resource "item" must define fiat_amount_cents, '
                "crypto_atomic_amount, or stripe_price_id",
            ),
        ],
    )
    def test_the_contracts_conditions_have_its_words(
        self, keys: Mapping[str, str], line: str
    ) -> None:
        """What Cedros refuses is refused in its words."""
        (fault,) = faults_of(keys)

        assert fault.startswith(line)

    def test_yaml_products_need_one(self) -> None:
        """A shop without goods does not open."""
        (fault,) = faults_of(without=[key for key in SHOP if key.startswith("paywall")])

        assert fault == (
            "paywall.resources must define at least one resource when product_source is 'yaml'"
        )

    def test_watched_wallets_need_a_sensible_threshold(self) -> None:
        """A wallet that is watched is warned of before it is useless."""
        (fault,) = faults_of(
            {
                "x402.gasless_enabled": "true",
                "monitoring.low_balance_alert_url": "https://alerts.example",
                "monitoring.low_balance_threshold": "0.0005",
            },
            {"X402_SERVER_WALLET_1": "w1"},
        )

        assert fault.startswith("monitoring.low_balance_threshold (0.0005) must be at least 0.001")


class TestValues:
    @pytest.mark.parametrize(
        ("key", "text", "words"),
        [
            ("server.read_timeout", "0s", "must be more than zero"),
            ("server.address", "here", "must be a host and a port"),
            ("server.address", '":70000"', "must be a host and a port"),
            ("server.workers", "0", "must be between 1 and 256"),
            ("server.workers", "1.5", "must be a whole number, not '1.5'"),
            ("server.workers", "010", "must be a whole number"),
            ("server.route_prefix", "/a b", "must be a path"),
            ("server.route_prefix", "/a/../b", "must be a path"),
            ("server.trusted_proxies", "[10.0.0.1/8]", "item 1 must be an address"),
            ("server.cors_allowed_origins", "[https://a.example/x]", "item 1 must be an origin"),
            ("logging.level", "loud", "must be one of debug, info, warn, error"),
            ("logging.level", "infos", "(did you mean info?)"),
            ("logging.environment", "prod", "(did you mean production?)"),
            ("x402.payment_address", "O0Il", "must be a base58 address of 32 bytes"),
            ("x402.payment_address", WALLET[:-2], "must be a base58 address of 32 bytes"),
            ("x402.network", "localnet", "must be one of mainnet-beta, devnet, testnet"),
            ("x402.rpc_url", "ftp://x", "must be a URL that starts with http:// or https://"),
            ("x402.rpc_url", "'https:// x'", "must be a URL"),
            ("x402.rpc_url", "https://x:99999", "must be a URL"),
            ("x402.ws_url", "https://x.example", "must be a URL that starts with ws://"),
            ("x402.rpc_urls", "[https://a.example, https://a.example]", "same value twice"),
            ("x402.token_decimals", "7", "must be 6, the decimals of USDC"),
            ("x402.compute_unit_limit", "1400001", "must be between 1 and 1400000"),
            ("x402.compute_unit_limit", "500000", "x402.sponsor.max_compute_units"),
            ("x402.compute_unit_price_micro_lamports", "60000", "max_microlamports_per_unit"),
            ("x402.tx_queue_max_in_flight", "-1", "must not be negative"),
            ("x402.claim_lease", "10ms", "must be at least 1s"),
            ("x402.sponsor.sol_usd", "-1", "must be more than zero"),
            ("x402.rounding_mode", "up", "must be one of standard, ceiling"),
            ("stripe.success_url", "nowhere", "must be a URL"),
            ("stripe.mode", "prod", "must be one of test, live"),
            (f"{RESOURCE}.fiat_amount_cents", "-1", "must be between 0"),
            (f"{RESOURCE}.fiat_amount_cents", "1.5", "must be a whole number"),
            (f"{RESOURCE}.crypto_atomic_amount", "9223372036854775808", "must be between 0"),
            (f"{RESOURCE}.fiat_currency", "gbp", "must be one of usd, eur"),
            (f"{RESOURCE}.crypto_token", "DOGE", "must be the symbol of a known token"),
            (f"{RESOURCE}.crypto_token", "usdc", "(did you mean USDC?)"),
            (f"{RESOURCE}.crypto_token", USDC, "must be the symbol of a known token"),
            (f"{RESOURCE}.crypto_account", "x", "must be a base58 address"),
            (f"{RESOURCE}.subscription.billing_period", "fortnight", "must be one of day, week"),
            ("storage.backend", "postgres", "needs storage.postgres_url (POSTGRES_URL)"),
            ("storage.backend", "mongodb", "needs storage.mongodb_url (MONGODB_URL)"),
            ("storage.backend", "memory", "refused when logging.environment is production"),
            ("storage.archival.retention_period", "1h", "must be at least 24h"),
            ("storage.schema_mapping.payments.table_name", "a-b", "must be a name of letters"),
            ("storage.schema_mapping.prefix", "x" * 31, "must be at most 30 letters"),
            ("paywall.postgres_table_name", "x; drop table y", "must be a name of letters"),
            ("callbacks.retry.max_attempts", "0", "must be between 1 and 1000"),
            ("callbacks.retry.max_interval", "1ms", "must not be less than initial_interval"),
            ("callbacks.retry.multiplier", "0.5", "must be at least 1"),
            ("callbacks.payment_success_url", "x", "must be a URL"),
            ("rate_limit.global_limit", "0", "must be more than zero"),
            ("rate_limit.per_ip_window", "-1s", "must be more than zero"),
            ("circuit_breaker.webhook.failure_ratio", "1.1", "must be between 0.001 and 1"),
            ("circuit_breaker.solana_rpc.max_requests", "0", "must be between 1"),
            ("subscriptions.grace_period_hours", "-1", "must not be negative"),
            ("quotes.keys", "[short]", "item 1 must have at least 32 characters"),
        ],
    )
    def test_what_go_never_checked_is_checked(self, key: str, text: str, words: str) -> None:
        """A value that cannot be meant is refused by its key."""
        around = {f"{RESOURCE}.crypto_atomic_amount": "5"} if "crypto" not in key else {}
        (fault,) = faults_of(around | {key: text})

        assert fault.startswith(key)
        assert words in fault

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("v1", "is reserved"),
            ("cart_1", "is reserved"),
            ("refund_1", "is reserved"),
            ('"stripe:1"', "is reserved"),
            ("a/b", "must not contain a slash"),
            ("x" * 256, "must not be longer than 255"),
            ('" x"', "surrounding blanks"),
        ],
    )
    def test_product_ids_that_collide_are_refused(self, name: str, words: str) -> None:
        """A product's id, be it the entry's key or set, reads as nothing else."""
        (by_key,) = faults_of({f"paywall.resources.{name}.stripe_price_id": "p"})
        (by_id,) = faults_of({f"{RESOURCE}.resource_id": name})

        assert words in by_key
        assert words in by_id

    @pytest.mark.parametrize(
        ("payments", "nonces", "words"),
        [
            ("shop.a", "shop.a", "must give each table a name of its own"),
            ("a", "tillway_payments", "makes names that begin with tillway_"),
        ],
    )
    def test_tables_that_would_meet_are_refused(
        self, payments: str, nonces: str, words: str
    ) -> None:
        """No two tables have one name, whether given or made from the prefix."""
        mapping = "storage.schema_mapping"
        (fault,) = faults_of(
            {
                f"{mapping}.payments.table_name": payments,
                f"{mapping}.admin_nonces.table_name": nonces,
            }
        )

        assert fault.startswith(f"{mapping}.prefix")
        assert words in fault

    def test_one_product_id_twice_is_refused(self) -> None:
        """Two entries cannot be one product."""
        faults = faults_of(
            {"paywall.resources.b.stripe_price_id": "p", "paywall.resources.b.resource_id": "item"}
        )

        assert [fault.split(":")[0] for fault in faults] == [
            "paywall.resources.item.resource_id",
            "paywall.resources.b.resource_id",
        ]

    def test_processed_is_for_development(self) -> None:
        """What may still be undone is not enough outside development."""
        wanted = {"x402.commitment": "processed"}
        (fault,) = faults_of(wanted)
        settings = loaded(wanted | {"logging.environment": "development"})

        assert fault.startswith("x402.commitment: processed needs logging.environment development")
        assert settings.section(X402Settings).commitment == "processed"

    def test_memory_serves_one_process(self) -> None:
        """Processes with a memory of their own would sell one payment twice."""
        (fault,) = faults_of(
            {
                "storage.backend": "memory",
                "logging.environment": "development",
                "server.workers": "2",
            }
        )

        assert fault.startswith("server.workers: must be 1 with storage.backend memory")

    def test_short_patience_is_only_warned_of(self) -> None:
        """Cedros' own write_timeout still loads, with a word about it."""
        settings = loaded({"server.write_timeout": "15s"})

        assert settings.warnings == (
            "server.write_timeout: cuts off answers: x402.confirm_wait is 30s [yaml line 10]",
        )

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("shop.example", "an address such as"),
            ("https://shop.example/pay", "without a path"),
            ("https://user@shop.example", "an address such as"),
            ("https://a.example, b.example", "an address such as"),
        ],
    )
    def test_our_own_address_is_a_scheme_and_a_host(self, text: str, word: str) -> None:
        """Several stand with commas between, in the file and in the variable of Cedros."""
        (fault,) = faults_of({"server.public_url": text})
        assert fault.startswith("server.public_url: must be")
        assert word in fault
        given = {"CEDROS_SERVER_PUBLIC_URL": "https://Shop.example:443/, http://b.example:8080"}
        server = loaded(variables=given).section(ServerSettings)
        assert server.public_url == ("https://shop.example", "http://b.example:8080")

    def test_subscribers_need_a_shop_that_knows_its_address(self) -> None:
        """Without one their words are refused: that is said at the start, not in development."""
        wanted = {"subscriptions.enabled": "true"}
        (warning,) = loaded(wanted).warnings
        assert warning.startswith("server.public_url: is not set")
        for more in (
            {"server.public_url": "https://shop.example"},
            {"logging.environment": "development"},
        ):
            assert loaded(wanted | more).warnings == ()


class TestCoupons:
    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"code": "a,b"}, "code: must not contain a comma"),
            ({"code": '""'}, "code is required"),
            ({"discount_value": "0"}, "discount_value: must be more than zero"),
            ({"discount_value": "-5"}, "discount_value: must be more than zero"),
            ({"discount_value": "100.01"}, "discount_value: must not exceed 100 percent"),
            ({"discount_value": "nan"}, "discount_value: must be a number"),
            ({"discount_type": "half"}, "discount_type: must be one of percentage, fixed"),
            ({"scope": "specific"}, "product_ids: must name at least one product"),
            ({"applies_at": "catalog"}, "scope: must be specific when applies_at is catalog"),
            (
                {"applies_at": "checkout", "scope": "specific", "product_ids": "[item]"},
                "scope: must be all when applies_at is checkout",
            ),
            ({"auto_apply": "true"}, "applies_at: is required when auto_apply is set"),
            ({"usage_limit": "-1"}, "usage_limit: must not be negative"),
            ({"usage_count": "-1"}, "usage_count: must not be negative"),
            ({"starts_at": "tomorrow"}, "starts_at: must be a time with its zone"),
            ({"starts_at": "2027-01-01T00:00:00"}, "starts_at: must be a time with its zone"),
            ({"starts_at": "2027-02-30T00:00:00Z"}, "starts_at: must be a time with its zone"),
            (
                {"starts_at": "2027-01-02T00:00:00Z", "expires_at": "2027-01-01T00:00:00Z"},
                "expires_at: must not be before starts_at",
            ),
            ({"payment_method": "cash"}, "payment_method: must be one of stripe, x402"),
        ],
    )
    def test_bad_ones_are_refused(self, keys: Mapping[str, str], words: str) -> None:
        """Each field and each rule between fields is checked."""
        (fault,) = faults_of(GOOD_COUPON | {f"{COUPON}.{key}": text for key, text in keys.items()})

        assert fault.startswith(f"{COUPON}.{words}")

    def test_one_code_twice_is_refused(self) -> None:
        """Two entries cannot have one code."""
        other = {key.replace("item", "other"): text for key, text in GOOD_COUPON.items()}

        assert len(faults_of(GOOD_COUPON | other)) == 2

    def test_products_that_are_not_sold_are_warned_of(self) -> None:
        """A coupon may wait for its product."""
        settings = loaded(
            GOOD_COUPON | {f"{COUPON}.scope": "specific", f"{COUPON}.product_ids": "[item, gone]"}
        )

        assert settings.warnings == (
            f"{COUPON}.product_ids: names 'gone', which is no product [yaml line 16]",
        )

    def test_products_of_a_coupon_for_all_are_warned_of(self) -> None:
        """Whoever lists products may not want it for all."""
        settings = loaded(GOOD_COUPON | {f"{COUPON}.product_ids": "[item]"})

        assert "scope is all" in settings.warnings[0]


class TestMints:
    def test_a_mint_of_another_cluster_is_refused(self) -> None:
        """A devnet mint on mainnet is worthless, or somebody else's."""
        (fault,) = faults_of({"x402.token_mint": DEVNET_USDC})

        assert fault.startswith(
            "x402.token_mint validation failed: that mint is on devnet, and x402.network is mainnet"
        )

    @pytest.mark.parametrize("network", ["devnet", "solana-devnet"])
    def test_devnet_mints_are_built_in(self, network: str) -> None:
        """What Cedros refuses is known here, and brings its node along."""
        x402 = loaded({"x402.token_mint": DEVNET_USDC, "x402.network": network}).section(
            X402Settings
        )

        assert x402.token == "USDC"
        assert x402.rpc_url == "https://api.devnet.solana.com"
        assert x402.ws_url == "wss://api.devnet.solana.com"

    def test_what_is_no_stablecoin_is_refused(self) -> None:
        """Prices are rounded to cents, which a SOL has not."""
        (fault,) = faults_of({"x402.token_mint": "So11111111111111111111111111111111111111112"})

        assert fault.startswith("x402.token_mint validation failed: SOL is not a stablecoin")

    def test_an_extra_mint_is_taken(self) -> None:
        """An explicit entry adds a token, with its decimals and its program."""
        settings = loaded(
            {
                "x402.token_mint": WALLET,
                "x402.extra_mints": f"[{{symbol: TOY, mint: {WALLET}, decimals: 9, "
                "token_program: token-2022}]",
                f"{RESOURCE}.crypto_atomic_amount": "5",
            }
        )
        x402 = settings.section(X402Settings)

        assert x402.token == "TOY"
        assert x402.token_decimals == 9
        assert x402.assets.by_code("TOY").token_program == "token-2022"
        assert settings.sections["paywall"].resources["item"].crypto_token == "TOY"  # type: ignore[attr-defined]  # an object by name

    @pytest.mark.parametrize(
        ("entry", "words"),
        [
            (f"{{symbol: USDC, mint: {WALLET}, decimals: 9}}", "x402.extra_mints: cannot be used"),
            (f"{{symbol: toy, mint: {WALLET}, decimals: 6}}", "x402.extra_mints[0].symbol: must"),
            ("{symbol: TOY, mint: x, decimals: 6}", "x402.extra_mints[0].mint: must be a base58"),
            (f"{{symbol: TOY, mint: {WALLET}}}", "x402.extra_mints[0].decimals is required"),
            (f"{{symbol: TOY, mint: {USDC}, decimals: 6}}", "x402.extra_mints: cannot be used"),
        ],
    )
    def test_bad_entries_are_refused(self, entry: str, words: str) -> None:
        """An entry that contradicts what is built in, or is none, is named."""
        (fault,) = faults_of({"x402.extra_mints": f"[{entry}]"})

        assert fault.startswith(words)


class TestSecrecy:
    @pytest.mark.parametrize(
        "keys",
        [
            {"stripe.secret_key": f"[{HIDDEN}]"},
            {"callbacks.payment_success_url": HIDDEN},
            {"x402.rpc_url": f"https://x.example:port/{HIDDEN}"},
            {"x402.rpc_urls": f"['nothing {HIDDEN}']"},
            {"api_key.keys": f"{{{HIDDEN}: gold}}"},
            {"api_key.keys": f"{{{HIDDEN}: [pro]}}"},
            {"quotes.keys": f"[{HIDDEN}, {HIDDEN}]"},
            {"callbacks.headers": f'{{Authorization: "{HIDDEN}\\nX: y"}}'},
            {"x402.payment_address": HIDDEN * 4},
            {"logging.level": HIDDEN * 4},
        ],
    )
    def test_no_fault_tells_a_secret(self, keys: Mapping[str, str]) -> None:
        """Secrets, what may hold one, and long texts in the wrong place are not repeated."""
        faults = faults_of(keys)

        assert faults
        assert HIDDEN not in "\n".join(faults)

    def test_a_bad_tier_does_not_tell_the_key(self) -> None:
        """The variable's name is the key, so it stays hidden."""
        (fault,) = faults_of(variables={"CEDROS_API_KEY_HUNTER2": "gold"})

        assert fault.startswith("api_key.keys.***: must be one of free, pro, enterprise, partner")
        assert "hunter2" not in fault.lower()

    def test_no_repr_tells_a_secret(self) -> None:
        """Settings can be logged: every secret and every URL that may hold one is hidden."""
        settings = loaded(
            {
                "x402.rpc_url": f"https://u:{HIDDEN}@rpc.example/{HIDDEN}?k={HIDDEN}",
                "x402.rpc_urls": f"[https://b.example/{HIDDEN}]",
                "callbacks.payment_success_url": f"https://c.example/{HIDDEN}",
                "callbacks.headers": f"{{A: {HIDDEN}}}",
                "api_key.keys": f"{{{HIDDEN}: pro}}",
                "storage.postgres_url": HIDDEN,
                "stripe.secret_key": HIDDEN,
                "stripe.webhook_secret": HIDDEN,
                "stripe.api_base": f"https://u:{HIDDEN}@stripe.example",
            },
            {
                "X402_SERVER_WALLET_1": HIDDEN,
                "TILLWAY_QUOTE_KEYS": HIDDEN * 2,
                f"CEDROS_API_KEY_{HIDDEN.upper()}": "free",
            },
        )

        assert HIDDEN not in repr(settings).lower()
        assert "https://rpc.example/***" in repr(settings)

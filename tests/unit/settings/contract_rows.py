"""The settings contract as data: for each key, how it is set, what that means, and what it is else.

A difference from the reference is marked: `theirs` is its default, `because` says why ours is
another, or why a variable is read that its code does not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from attrs import field, frozen

from tillway.core.secrets import Secret
from tillway.plugins.settings.limits import ApiKey

USDC: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
USDT: Final = "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"
WALLET: Final = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"


class Same:
    """As in the column before."""


class Required:
    """There is no default."""


@frozen(kw_only=True)
class Row:
    """One key of the contract. `<key>` in it stands for the name of an entry.

    `yaml` is a text that sets it and `value` what that means; `env` and `text` the same for its
    variable. `beside` are other keys that it needs, `variables` other variables.
    """

    key: str
    yaml: str
    value: Any
    default: Any
    env: str | None = None
    text: str = ""
    env_value: Any = Same
    theirs: Any = Same
    because: str = ""
    beside: Mapping[str, str] = field(factory=dict)
    variables: Mapping[str, str] = field(factory=dict)
    alone: bool = False
    """True when the default holds only without what stands beside."""


ROWS: list[Row] = []

SAFER: Final = "the documents' value, which is safer than none"
DOCUMENTED: Final = "the documents have this variable, though the reference's code does not"
AT_CONNECT: Final = "what the reference uses when it connects"


def row(
    key: str,
    yaml: str,
    value: Any,
    default: Any,
    env: str | None = None,
    text: str = "",
    **more: Any,
) -> None:
    """Note a row; a variable's text is YAML's unless it is given."""
    ROWS.append(
        Row(
            key=key,
            yaml=yaml,
            value=value,
            default=default,
            env=env,
            text=text or yaml.strip('"'),
            **more,
        )
    )


def seconds(count: float) -> timedelta:
    """Give so many seconds."""
    return timedelta(seconds=count)


def minutes(count: int) -> timedelta:
    """Give so many minutes."""
    return timedelta(minutes=count)


def pool(section: str) -> None:
    """Note the three rows of a pool of connections."""
    row(f"{section}.max_open_conns", "40", 40, 25, theirs=0, because=AT_CONNECT)
    row(f"{section}.max_idle_conns", "9", 9, 5, theirs=0, because=AT_CONNECT)
    lifetime = f"{section}.conn_max_lifetime"
    row(lifetime, "10m", minutes(10), minutes(5), theirs=seconds(0), because=AT_CONNECT)


# ---- server
row("server.address", '"127.0.0.1:9"', "127.0.0.1:9", ":8080", "CEDROS_SERVER_ADDRESS")
row("server.read_timeout", "20s", seconds(20), seconds(15))
row(
    "server.write_timeout",
    "200s",
    seconds(200),
    seconds(130),
    theirs=seconds(15),
    because="shorter than a payment takes",
)
row("server.idle_timeout", "90", seconds(90), seconds(60))
row(
    "server.cors_allowed_origins",
    '["https://a.example", "https://b.example:8443"]',
    ("https://a.example", "https://b.example:8443"),
    (),
    "CORS_ALLOWED_ORIGINS",
    "https://a.example , https://b.example:8443",
)
row("server.route_prefix", "api/", "/api", "", "CEDROS_ROUTE_PREFIX")
row("server.admin_metrics_api_key", "k1", Secret("k1"), None, "CEDROS_ADMIN_METRICS_API_KEY")

# ---- logging
row("logging.level", "warn", "warn", "info", "CEDROS_LOGGING_LEVEL", because=DOCUMENTED)
row("logging.format", "console", "console", "json")
row("logging.environment", "staging", "staging", "production")

# ---- stripe
row(
    "stripe.secret_key",
    "sk_1",
    Secret("sk_1"),
    None,
    "CEDROS_STRIPE_SECRET_KEY",
    beside={"stripe.webhook_secret": "wh_1"},
)
row(
    "stripe.webhook_secret",
    '"wh_1, wh_2"',
    (Secret("wh_1"), Secret("wh_2")),
    (),
    "CEDROS_STRIPE_WEBHOOK_SECRET",
)
row(
    "stripe.publishable_key",
    "pk_1",
    "pk_1",
    "",
    "CEDROS_STRIPE_PUBLISHABLE_KEY",
    beside={"stripe.secret_key": "sk_1", "stripe.webhook_secret": "wh_1"},
)
row(
    "stripe.success_url",
    '"https://shop.example/ok?s={CHECKOUT_SESSION_ID}"',
    "https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
    "http://localhost:8080/stripe/success?session_id={CHECKOUT_SESSION_ID}",
    "CEDROS_STRIPE_SUCCESS_URL",
)
row(
    "stripe.cancel_url",
    "https://shop.example/no",
    "https://shop.example/no",
    "http://localhost:8080/stripe/cancel",
    "CEDROS_STRIPE_CANCEL_URL",
)
row("stripe.tax_rate_id", "txr_1", "txr_1", "", "CEDROS_STRIPE_TAX_RATE_ID")
row("stripe.mode", "live", "live", "test", "CEDROS_STRIPE_MODE")

# ---- x402
row("x402.payment_address", USDT, USDT, Required, "CEDROS_X402_PAYMENT_ADDRESS")
row("x402.token_mint", USDT, USDT, Required, "CEDROS_X402_TOKEN_MINT")
row(
    "x402.network",
    "mainnet",
    "mainnet",
    "mainnet-beta",
    "CEDROS_X402_NETWORK",
)
row(
    "x402.rpc_url",
    "https://rpc.example",
    "https://rpc.example",
    "https://api.mainnet-beta.solana.com",
    "CEDROS_X402_RPC_URL",
)
row(
    "x402.ws_url",
    "wss://ws.example",
    "wss://ws.example",
    "wss://api.mainnet-beta.solana.com",
    "CEDROS_X402_WS_URL",
)
row(
    "x402.token_decimals",
    "9",
    9,
    6,
    beside={
        "x402.token_mint": WALLET,
        "x402.extra_mints": f"[{{symbol: NINE, mint: {WALLET}, decimals: 9}}]",
    },
    alone=True,
)
row("x402.memo_prefix", "shop", "shop", "cedros", "CEDROS_X402_MEMO_PREFIX")
row("x402.allowed_tokens", "[USDC, USDT]", ("USDC", "USDT"), ("USDC",))
row("x402.skip_preflight", "true", True, False, "CEDROS_X402_SKIP_PREFLIGHT", "1")
row("x402.commitment", "Finalised", "finalized", "confirmed", "CEDROS_X402_COMMITMENT")
row(
    "x402.gasless_enabled",
    "true",
    True,
    False,
    "CEDROS_X402_GASLESS_ENABLED",
    "TRUE",
    variables={"X402_SERVER_WALLET_1": "w1"},
)
row(
    "x402.auto_create_token_account",
    "yes",
    True,
    False,
    "CEDROS_X402_AUTO_CREATE_TOKEN_ACCOUNT",
    "true",
    variables={"X402_SERVER_WALLET_1": "w1"},
)
row("x402.server_wallet_keys", "", (), (), "X402_SERVER_WALLET_1", "w1", env_value=(Secret("w1"),))
row(
    "x402.tx_queue_min_time_between",
    "100ms",
    timedelta(milliseconds=100),
    seconds(0),
    "CEDROS_X402_TX_QUEUE_MIN_TIME_BETWEEN",
    because=DOCUMENTED,
)
row(
    "x402.tx_queue_max_in_flight",
    "10",
    10,
    0,
    "CEDROS_X402_TX_QUEUE_MAX_IN_FLIGHT",
    because=DOCUMENTED,
)
row("x402.compute_unit_limit", "20000", 20_000, 200_000)
row("x402.compute_unit_price_micro_lamports", "7", 7, 1)
row("x402.rounding_mode", "ceiling", "ceiling", "standard", theirs="", because="blank means this")

# ---- paywall
row("paywall.quote_ttl", "120s", seconds(120), minutes(5), "CEDROS_PAYWALL_QUOTE_TTL")
row(
    "paywall.product_source",
    "postgres",
    "postgres",
    "yaml",
    "CEDROS_PAYWALL_PRODUCT_SOURCE",
    beside={"paywall.postgres_url": "pg://p"},
)
row(
    "paywall.product_cache_ttl",
    "30s",
    seconds(30),
    minutes(5),
    "CEDROS_PAYWALL_PRODUCT_CACHE_TTL",
    theirs=seconds(0),
    because=SAFER,
)
row("paywall.postgres_url", "pg://p", Secret("pg://p"), None, "CEDROS_PAYWALL_POSTGRES_URL")
row("paywall.postgres_table_name", "goods", "goods", "products")
row("paywall.mongodb_url", "mongodb://p", Secret("mongodb://p"), None, "CEDROS_PAYWALL_MONGODB_URL")
row("paywall.mongodb_database", "shop", "shop", "", "CEDROS_PAYWALL_MONGODB_DATABASE")
row("paywall.mongodb_collection", "goods", "goods", "products", "CEDROS_PAYWALL_MONGODB_COLLECTION")
RESOURCE: Final = "paywall.resources.<key>"
row(f"{RESOURCE}.resource_id", "other", "other", "item")
row(f"{RESOURCE}.description", "Nice", "Nice", "")
row(f"{RESOURCE}.stripe_price_id", "price_2", "price_2", "")
row(f"{RESOURCE}.fiat_amount_cents", "250", 250, 0)
row(f"{RESOURCE}.fiat_currency", "EUR", "EUR", "usd")
row(f"{RESOURCE}.crypto_atomic_amount", "2220000", 2_220_000, 0)
row(
    f"{RESOURCE}.crypto_token",
    "USDT",
    "USDT",
    "USDC",
    theirs=USDC,
    because="an address is no symbol, so the reference drops the price",
)
row(f"{RESOURCE}.crypto_account", WALLET, WALLET, "")
row(f"{RESOURCE}.memo_template", '"{{resource}}-{{nonce}}"', "{{resource}}-{{nonce}}", "")
row(f"{RESOURCE}.metadata", "{plan: demo, n: 1}", {"plan": "demo", "n": "1"}, {})
row(f"{RESOURCE}.extras", "{a: [1, x]}", {"a": [1, "x"]}, {})
PLAN: Final = f"{RESOURCE}.subscription"
PERIOD: Final = {f"{PLAN}.billing_period": "week"}
row(
    f"{PLAN}.billing_period",
    "month",
    "month",
    Required,
    beside={f"{PLAN}.billing_interval": "2"},
    theirs="",
    because="a plan without a period bills never",
)
row(f"{PLAN}.billing_interval", "3", 3, 1, beside=PERIOD, theirs=0, because="0 means 1")
row(f"{PLAN}.trial_days", "14", 14, 0, beside=PERIOD)
row(f"{PLAN}.stripe_price_id", "price_s", "price_s", "", beside=PERIOD)
row(f"{PLAN}.allow_x402", "true", True, False, beside=PERIOD)
row(f"{PLAN}.grace_period_hours", "48", 48, 0, beside=PERIOD)
pool("paywall.postgres_pool")

# ---- storage
row(
    "storage.backend",
    "postgres",
    "postgres",
    "file",
    beside={"storage.postgres_url": "pg://s"},
    theirs="",
    because="what the reference's factory chooses when nothing is said",
    alone=True,
)
row("storage.postgres_url", "pg://s", Secret("pg://s"), None, "POSTGRES_URL")
row("storage.mongodb_url", "mongodb://s", Secret("mongodb://s"), None, "MONGODB_URL")
row(
    "storage.mongodb_database",
    "shop",
    "shop",
    "cedros_pay",
    "MONGODB_DATABASE",
    theirs="",
    because="what the reference's factory takes for blank",
)
row(
    "storage.file_path",
    "/tmp/x.db",
    "/tmp/x.db",
    "./data/tillway.db",
    theirs="",
    because="the reference's ./data/cedros-pay.db is JSON, ours is SQLite",
)
pool("storage.postgres_pool")
ARCHIVAL: Final = "CEDROS_STORAGE_ARCHIVAL_"
row("storage.archival.enabled", "true", True, False, f"{ARCHIVAL}ENABLED", because=DOCUMENTED)
row(
    "storage.archival.retention_period",
    "48h",
    timedelta(hours=48),
    timedelta(days=90),
    f"{ARCHIVAL}RETENTION_PERIOD",
    theirs=seconds(0),
    because=f"{SAFER}; {DOCUMENTED}",
)
row(
    "storage.archival.run_interval",
    "1h",
    timedelta(hours=1),
    timedelta(hours=24),
    f"{ARCHIVAL}RUN_INTERVAL",
    theirs=seconds(0),
    because=f"{SAFER}; {DOCUMENTED}",
)
row("storage.cart_quote_ttl", "20m", minutes(20), minutes(15))
row("storage.refund_quote_ttl", "20m", minutes(20), minutes(15))
row("storage.cleanup_interval", "1m", minutes(1), minutes(5))
for entity in (
    "payments",
    "sessions",
    "products",
    "coupons",
    "cart_quotes",
    "refund_quotes",
    "admin_nonces",
    "webhook_queue",
):
    row(f"storage.schema_mapping.{entity}.table_name", "pay.mine", "pay.mine", "")

# ---- coupons
row("coupons.coupon_source", "disabled", "disabled", "yaml", "COUPON_SOURCE")
row("coupons.postgres_url", "pg://c", Secret("pg://c"), None, "COUPON_POSTGRES_URL")
row("coupons.postgres_table_name", "codes", "codes", "coupons")
row("coupons.mongodb_url", "mongodb://c", Secret("mongodb://c"), None, "COUPON_MONGODB_URL")
row("coupons.mongodb_database", "shop", "shop", "", "COUPON_MONGODB_DATABASE")
row("coupons.mongodb_collection", "codes", "codes", "coupons", "COUPON_MONGODB_COLLECTION")
row(
    "coupons.cache_ttl",
    "0s",
    seconds(0),
    minutes(1),
    "COUPON_CACHE_TTL",
    theirs=seconds(0),
    because=SAFER,
)
COUPON: Final = "coupons.coupons.<key>"
CHECKED: Final = "a coupon without it says nothing; the reference never checks"
row(f"{COUPON}.code", "OTHER", "OTHER", Required, theirs="", because=CHECKED)
row(f"{COUPON}.discount_type", "fixed", "fixed", Required, theirs="", because=CHECKED)
row(f"{COUPON}.discount_value", "18.4", Decimal("18.4"), Required, theirs=0, because=CHECKED)
row(f"{COUPON}.currency", "usd", "usd", "")
row(
    f"{COUPON}.scope",
    "specific",
    "specific",
    Required,
    beside={f"{COUPON}.product_ids": "[item]"},
    theirs="",
    because=CHECKED,
)
row(
    f"{COUPON}.product_ids",
    "[item]",
    ("item",),
    (),
    beside={f"{COUPON}.scope": "all"},
)
row(f"{COUPON}.payment_method", "x402", "x402", "")
row(f"{COUPON}.auto_apply", "true", True, False, beside={f"{COUPON}.applies_at": "checkout"})
row(f"{COUPON}.applies_at", "checkout", "checkout", "")
row(f"{COUPON}.usage_limit", "100", 100, None)
row(f"{COUPON}.usage_count", "3", 3, 0)
row(
    f"{COUPON}.starts_at",
    "2027-01-01T01:00:00+01:00",
    datetime(2027, 1, 1, tzinfo=UTC),
    None,
)
row(
    f"{COUPON}.expires_at",
    '"2027-12-31T23:59:59.123456789Z"',
    datetime(2027, 12, 31, 23, 59, 59, 123456, tzinfo=UTC),
    None,
)
row(f"{COUPON}.active", "true", True, False)
row(f"{COUPON}.metadata", "{description: Cheap}", {"description": "Cheap"}, {})
pool("coupons.postgres_pool")

# ---- subscriptions
SUBSCRIPTIONS: Final = "CEDROS_SUBSCRIPTIONS_"
row("subscriptions.enabled", "true", True, False, f"{SUBSCRIPTIONS}ENABLED", because=DOCUMENTED)
row(
    "subscriptions.backend",
    "postgres",
    "postgres",
    "memory",
    f"{SUBSCRIPTIONS}BACKEND",
    theirs="",
    because=f"blank means this; {DOCUMENTED}",
    beside={"storage.postgres_url": "pg://u"},
)
row(
    "subscriptions.postgres_url",
    "pg://u",
    Secret("pg://u"),
    None,
    f"{SUBSCRIPTIONS}POSTGRES_URL",
    because=DOCUMENTED,
    beside={"storage.postgres_url": "pg://u"},
)
row(
    "subscriptions.grace_period_hours",
    "48",
    48,
    24,
    f"{SUBSCRIPTIONS}GRACE_PERIOD_HOURS",
    theirs=0,
    because=f"{SAFER}; {DOCUMENTED}",
)

# ---- callbacks
row(
    "callbacks.payment_success_url",
    "https://shop.example/hook",
    "https://shop.example/hook",
    "",
    "CALLBACK_PAYMENT_SUCCESS_URL",
)
row(
    "callbacks.headers",
    "{Authorization: Bearer 1}",
    {"Authorization": Secret("Bearer 1")},
    {},
    "CALLBACK_HEADER_X_API_KEY",
    "k",
    env_value={"X-Api-Key": Secret("k")},
)
row("callbacks.body", "hello", "hello", "")
row("callbacks.body_template", '"{{.Resource}}"', "{{.Resource}}", "")
row("callbacks.timeout", "10s", seconds(10), seconds(3), "CALLBACK_TIMEOUT")
row("callbacks.retry.enabled", "false", False, True)
row("callbacks.retry.max_attempts", "7", 7, 5)
row("callbacks.retry.initial_interval", "2s", seconds(2), seconds(1))
row("callbacks.retry.max_interval", "10m", minutes(10), minutes(5))
row("callbacks.retry.multiplier", "1.5", 1.5, 2.0)
row("callbacks.dlq_enabled", "true", True, False)
row("callbacks.dlq_path", "/tmp/dlq", "/tmp/dlq", "./data/webhook-dlq.json")

# ---- monitoring
row(
    "monitoring.low_balance_alert_url",
    "https://alerts.example/1",
    "https://alerts.example/1",
    "",
    "MONITORING_LOW_BALANCE_ALERT_URL",
)
row(
    "monitoring.low_balance_threshold",
    "0.005",
    Decimal("0.005"),
    Decimal("0.01"),
    "MONITORING_LOW_BALANCE_THRESHOLD",
)
row("monitoring.check_interval", "5m", minutes(5), minutes(15), "MONITORING_CHECK_INTERVAL")
row(
    "monitoring.headers",
    "{X-A: b}",
    {"X-A": Secret("b")},
    {},
    "MONITORING_HEADER_X_A",
    "c",
    env_value={"X-A": Secret("c")},
)
row("monitoring.body_template", "low", "low", "")
row("monitoring.timeout", "9s", seconds(9), seconds(5), "MONITORING_TIMEOUT")

# ---- rate limits
for scope, most in (("global", 1000), ("per_wallet", 60), ("per_ip", 120)):
    row(f"rate_limit.{scope}_enabled", "false", False, True)
    row(f"rate_limit.{scope}_limit", "7", 7, most)
    row(f"rate_limit.{scope}_window", "2m", minutes(2), minutes(1))

# ---- API keys
row("api_key.enabled", "true", True, False, "CEDROS_API_KEY_ENABLED")
row(
    "api_key.keys",
    "{k1: partner}",
    (ApiKey(key=Secret("k1"), tier="partner"),),
    (),
    "CEDROS_API_KEY_SHOP_1",
    "pro",
    env_value=(ApiKey(key=Secret("shop_1"), tier="pro"),),
)

# ---- circuit breakers
row("circuit_breaker.enabled", "false", False, True)
for service, numbers in (
    ("solana_rpc", (3, 60, 30, 5, 0.5, 10)),
    ("stripe_api", (3, 60, 30, 5, 0.5, 10)),
    ("webhook", (5, 60, 60, 10, 0.7, 20)),
):
    where = f"circuit_breaker.{service}"
    row(f"{where}.max_requests", "8", 8, numbers[0])
    row(f"{where}.interval", "2m", minutes(2), seconds(numbers[1]))
    row(f"{where}.timeout", "2m", minutes(2), seconds(numbers[2]))
    row(f"{where}.consecutive_failures", "8", 8, numbers[3])
    row(f"{where}.failure_ratio", "0.25", 0.25, numbers[4])
    row(f"{where}.min_requests", "8", 8, numbers[5])

OURS: Final = frozenset(
    {
        "server.admin_api_key",
        "server.public_url",
        "server.trusted_proxies",
        "server.workers",
        "quotes.keys",
        "ledger.seal_key",
        "ledger.head_interval",
        "coupons.strict",
        "storage.migrate",
        "refunds.minimum",
        "refunds.request_ttl",
        "refunds.require_nonce",
        "x402.refund_wallet",
        "x402.refund_most",
        "x402.refund_most_a_day",
        "storage.schema_mapping.prefix",
        "coupons.coupon_layout",
        "paywall.page.accent",
        "paywall.page.enabled",
        "paywall.page.logo",
        "paywall.page.title",
        "paywall.product_layout",
        *(
            f"storage.schema_mapping.{kind}.{key}"
            for kind in ("products", "coupons")
            for key in (
                "field_map",
                "transforms.<key>.multiply",
                "transforms.<key>.divide",
                "transforms.<key>.json_field",
                "transforms.<key>.constant",
            )
        ),
        "stripe.redirect_hosts",
        "stripe.payment_method_types",
        "stripe.api_base",
        "stripe.session_lifetime",
        "stripe.max_unpaid_coupons",
        "x402.rpc_urls",
        "x402.extra_mints",
        "x402.claim_lease",
        "x402.confirm_wait",
        "x402.confirm_poll",
        "x402.sponsor.max_compute_units",
        "x402.sponsor.max_microlamports_per_unit",
        "x402.sponsor.max_lamports",
        "x402.sponsor.lamports_per_hour",
        "x402.sponsor.landed_failures_per_hour",
        "x402.sponsor.sol_usd",
        "x402.sponsor.minimum_cost_multiple",
        "x402.sponsor.exclusive",
    }
)
"""Keys that the reference does not have."""

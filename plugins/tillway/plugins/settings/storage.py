"""The section `storage`: where payments and everything else are kept."""

from datetime import timedelta
from typing import Any, ClassVar, Final

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import at_least, identifier, is_blank, is_zero, positive, prefix
from tillway.plugins.setting import Rule, setting
from tillway.plugins.settings.mapping import MappedTable
from tillway.plugins.settings.pools import Pool

DATABASES: Final = ("postgres", "mongodb")
_ARCHIVAL: Final = "CEDROS_STORAGE_ARCHIVAL_"


def _likeliest(storage: Any) -> str:
    """Choose as the Cedros store factory does when nothing is said."""
    if storage.postgres_url:
        return "postgres"
    return "mongodb" if storage.mongodb_url else "file"


def _reachable(backend: str, postgres_url: Secret | None, mongodb_url: Secret | None) -> str | None:
    if backend == "postgres" and not postgres_url:
        return "needs storage.postgres_url (POSTGRES_URL)"
    if backend == "mongodb" and not mongodb_url:
        return "needs storage.mongodb_url (MONGODB_URL)"
    return None


@frozen(kw_only=True)
class Archival:
    """Moving old payments out of the way."""

    enabled: bool = setting(default=False, env=f"{_ARCHIVAL}ENABLED", doc="Archives by itself.")
    retention_period: timedelta = setting(
        default=timedelta(days=90),
        env=f"{_ARCHIVAL}RETENTION_PERIOD",
        unset_when=is_zero,
        rules=(at_least(timedelta(days=1), "24h"),),
        doc="How long payments stay where they are; free repeats last a day, so no less.",
    )
    run_interval: timedelta = setting(
        default=timedelta(days=1),
        env=f"{_ARCHIVAL}RUN_INTERVAL",
        unset_when=is_zero,
        rules=(positive,),
        doc="How often it runs.",
    )


@frozen(kw_only=True)
class Table:
    """Another name for a table; blank keeps the usual one."""

    table_name: str = setting(
        default="", env=None, rules=(identifier,), doc="The table's name, with its schema or not."
    )


TABLES: Final = {
    "payments": "payments",
    "sessions": "checkouts",
    "cart_quotes": "carts",
    "refund_quotes": "refunds",
    "admin_nonces": "nonces",
    "webhook_queue": "deliveries",
}
"""What settings of Cedros call a table, and what we call it after the prefix."""


def _apart(prefix: str, *tables: Table) -> str | None:
    words = zip(TABLES.values(), tables, strict=True)
    named = {word: table.table_name for word, table in words if table.table_name}
    if len(set(named.values())) < len(named):
        return "must give each table a name of its own"
    ours = f"{prefix}_"
    if any(name.startswith(ours) and name != ours + word for word, name in named.items()):
        return f"makes names that begin with {ours}, so no other table may be called so"
    return None


@frozen(kw_only=True)
class SchemaMapping:
    """Other names for our tables, in PostgreSQL."""

    RULES: ClassVar[tuple[Rule, ...]] = (Rule(fields=("prefix", *TABLES), check=_apart),)

    prefix: str = setting(
        default="tillway",
        unset_when=is_blank,
        rules=(prefix,),
        doc="What the names of tables without one of their own, and of functions, begin with, "
        "after a schema and a dot or not. Gateways that share a database need one each.",
    )
    payments: Table = setting(factory=Table, doc="Usually `tillway_payments`.")
    sessions: Table = setting(factory=Table, doc="Usually `tillway_checkouts`.")
    products: MappedTable = setting(factory=MappedTable, doc="A table of products, not ours.")
    coupons: MappedTable = setting(factory=MappedTable, doc="A table of coupons, not ours.")
    cart_quotes: Table = setting(factory=Table, doc="Usually `tillway_carts`.")
    refund_quotes: Table = setting(factory=Table, doc="Usually `tillway_refunds`.")
    admin_nonces: Table = setting(factory=Table, doc="Usually `tillway_nonces`.")
    webhook_queue: Table = setting(factory=Table, doc="Usually `tillway_deliveries`.")


@frozen(kw_only=True)
class StorageSettings:
    """Where payments and everything else are kept."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("backend", "postgres_url", "mongodb_url"), check=_reachable),
    )

    postgres_url: Secret | None = setting(
        default=None, env="POSTGRES_URL", doc="The PostgreSQL database."
    )
    mongodb_url: Secret | None = setting(
        default=None, env="MONGODB_URL", doc="The MongoDB deployment."
    )
    backend: str = setting(
        derive=_likeliest,
        default_is="`postgres` if `postgres_url` is set, else `mongodb` if `mongodb_url` is, "
        "else `file`",
        env=None,
        unset_when=is_blank,
        doc="The store: `file` (SQLite), `postgres`, `mongodb`, a plugin's, or `memory`, which "
        "forgets and is refused in production.",
    )
    mongodb_database: str = setting(
        default="cedros_pay",
        env="MONGODB_DATABASE",
        unset_when=is_blank,
        doc="The database in that deployment.",
    )
    file_path: str = setting(
        default="./data/tillway.db",
        env=None,
        unset_when=is_blank,
        doc="The SQLite file. Not Cedros' default, since its file is JSON.",
    )
    migrate: bool = setting(
        default=True,
        doc="Brings the store's schema up to date at the start. Without it, one that is behind is "
        "refused until `tillway migrate` has run.",
    )
    postgres_pool: Pool = setting(factory=Pool, doc="Connections to PostgreSQL.")
    archival: Archival = setting(factory=Archival, doc="Moving old payments out of the way.")
    cart_quote_ttl: timedelta = setting(
        default=timedelta(minutes=15),
        env=None,
        unset_when=is_zero,
        rules=(positive,),
        doc="How long a cart's price holds.",
    )
    refund_quote_ttl: timedelta = setting(
        default=timedelta(minutes=15),
        env=None,
        unset_when=is_zero,
        rules=(positive,),
        doc="How long a refund's offer holds.",
    )
    cleanup_interval: timedelta = setting(
        default=timedelta(minutes=5),
        env=None,
        unset_when=is_zero,
        rules=(positive,),
        doc="How often expired carts, nonces and stored answers are removed.",
    )
    schema_mapping: SchemaMapping = setting(
        factory=SchemaMapping,
        doc="Other names for our tables in PostgreSQL, and tables of others.",
    )

"""The metrics: names, labels and buckets are the Cedros contract's, and ours where it has none."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from tillway.adapters.metrics.series import Series

PAYMENT: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
SETTLEMENT: Final = (1, 5, 10, 30, 60, 120, 300)
REFUND: Final = (1, 5, 10, 30, 60, 300)
RPC: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
QUERY: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2)


class Instruments:
    """One of each, in a registry of their own.

    Durations are in seconds. Amounts are in hundredths of what the asset counts (cents, also
    for tokens that are worth a dollar or a euro), so that assets of any decimals add up.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Series[Counter]:
            return Series(Counter(name, text, labels, registry=registry))

        def histogram(
            name: str, text: str, buckets: tuple[float, ...], *labels: str
        ) -> Series[Histogram]:
            return Series(Histogram(name, text, labels, registry=registry, buckets=buckets))

        what, node = ("method", "resource"), ("method", "network")
        self.payments = counter(
            "cedros_payments_total", "Quotes given and payments answered.", *what
        )
        self.succeeded = counter(
            "cedros_payments_success_total", "Payments that bought what they were for.", *what
        )
        self.failed = counter(
            "cedros_payments_failed_total", "Payments refused or failed.", *what, "reason"
        )
        self.amount = counter(
            "cedros_payment_amount_total", "Money taken, in cents.", "method", "token"
        )
        self.duration = histogram(
            "cedros_payment_duration_seconds", "From proof to answer.", PAYMENT, *what
        )
        self.settlement = histogram(
            "cedros_settlement_duration_seconds",
            "From sending to the network's word.",
            SETTLEMENT,
            "network",
        )
        self.refunds = counter(
            "cedros_refunds_total", "Refunds offered, paid out, refused or failed.", "status"
        )
        self.refunded = counter("cedros_refund_amount_total", "Money paid back, in cents.", "token")
        self.refund_duration = histogram(
            "cedros_refund_duration_seconds",
            "From a refund's payment, or its request, to its end.",
            REFUND,
            "method",
        )
        self.calls = counter("cedros_rpc_calls_total", "Calls to nodes.", *node)
        self.call_duration = histogram(
            "cedros_rpc_call_duration_seconds", "Calls to nodes.", RPC, *node
        )
        self.call_errors = counter(
            "cedros_rpc_errors_total", "Calls that failed.", *node, "error_type"
        )
        self.provider_calls = counter(
            "tillway_provider_calls_total",
            "Calls to providers of payments, with every retry.",
            *("provider", "operation", "outcome"),
        )
        self.provider_duration = histogram(
            "tillway_provider_call_duration_seconds",
            "Calls to providers of payments that were made.",
            PAYMENT,
            *("provider", "operation"),
        )
        self.events = counter(
            "tillway_events_heard_total",
            "Events of providers: attempts to apply them, and those that were refused.",
            *("source", "outcome"),
        )
        self.carts = counter(
            "cedros_cart_checkouts_total", "Carts quoted, sent to a checkout, and paid.", "status"
        )
        self.cart_items = Counter(
            "cedros_cart_items_total",
            "Their lines, counted when they are quoted, sent to a checkout, and paid.",
            registry=registry,
        )
        self.archivals = Counter(
            "cedros_archival_runs_total",
            "Runs that moved payments into the archive.",
            registry=registry,
        )
        self.archived = Counter(
            "cedros_archival_records_deleted_total",
            "Payments moved into the archive.",
            registry=registry,
        )
        self.queries = histogram(
            "cedros_db_query_duration_seconds",
            "Units of work on the store.",
            QUERY,
            "operation",
            "backend",
        )

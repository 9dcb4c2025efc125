"""Prometheus: count what is observed, and expose it for one process or for all of a server's.

Processes that share a port write into files of one folder (the client library's multiprocess
mode), so that whichever of them is scraped adds up all, the dead ones too.
"""

from collections.abc import Iterator
from pathlib import Path

from attrs import define, field
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from tillway.adapters.metrics.instruments import Instruments
from tillway.core.money import Money
from tillway.core.observations import (
    ArchivalRan,
    CartSeen,
    EventHeard,
    Observation,
    PaymentCompleted,
    PaymentStarted,
    ProviderCalled,
    QueryRan,
    RefundCompleted,
    RefundOffered,
    RpcCalled,
)
from tillway.core.ports.exposition import Exposition

ERRORS = frozenset({"timeout", "rate_limit", "connection", "not_found", "other", "unknown"})
"""What `error_type` may be."""


@define(eq=False)
class PrometheusObserver:
    """Counts observations.

    ``directory`` is the folder that processes share, None for a process of its own. It must be
    what PROMETHEUS_MULTIPROC_DIR was when prometheus_client was first imported: RuntimeError
    if metrics would stay in this process all the same.
    """

    directory: Path | None = None
    _source: Collector = field(init=False)
    _see: Instruments = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the metrics."""
        registry = CollectorRegistry(auto_describe=False)
        if self.directory is None:
            _add_process(registry)
            self._source = registry
        elif values.ValueClass is values.MutexValue:
            raise RuntimeError("PROMETHEUS_MULTIPROC_DIR was set after prometheus_client's import")
        else:
            self._source = MultiProcessCollector(None, str(self.directory))  # type: ignore[no-untyped-call]  # it has no types
        self._see = Instruments(registry)

    def __call__(self, seen: Observation) -> None:
        """Count one observation. Takes about a microsecond a metric."""
        match seen:
            case PaymentStarted():
                self._see.payments.of(seen.method, seen.resource).inc()
            case PaymentCompleted():
                self._completed(seen)
            case RefundOffered() | RefundCompleted():
                self._refunded(seen)
            case RpcCalled() | ProviderCalled() | EventHeard():
                self._spoken(seen)
            case QueryRan():
                self._see.queries.of(seen.operation, seen.backend).observe(seen.seconds)
            case ArchivalRan():
                self._see.archivals.inc()
                self._see.archived.inc(seen.moved)
            case CartSeen():
                self._carted(seen)

    def expose(self) -> Exposition:
        """Write the text format. Blocks for some milliseconds."""
        body = generate_latest(_Plain(self._source))
        return Exposition(content_type=CONTENT_TYPE_LATEST, body=body)

    def _completed(self, seen: PaymentCompleted) -> None:
        what = (seen.method, seen.resource)
        self._see.payments.of(*what).inc()
        self._see.duration.of(*what).observe(seen.seconds)
        if seen.settled_in is not None:
            self._see.settlement.of(seen.network).observe(seen.settled_in)
        if seen.reason is not None:
            self._see.failed.of(*what, seen.reason).inc()
            return
        self._see.succeeded.of(*what).inc()
        if seen.amount is not None:
            self._see.amount.of(seen.method, seen.amount.asset.code).inc(cents(seen.amount))

    def _refunded(self, seen: RefundOffered | RefundCompleted) -> None:
        if isinstance(seen, RefundOffered):
            self._see.refunds.of("quote").inc()
            return
        self._see.refunds.of("success" if seen.reason is None else "failed").inc()
        self._see.refund_duration.of(seen.method).observe(seen.seconds)
        if seen.reason is None and seen.amount is not None:
            self._see.refunded.of(seen.amount.asset.code).inc(cents(seen.amount))

    def _carted(self, seen: CartSeen) -> None:
        self._see.carts.of(seen.status).inc()
        if seen.status != "session_creation_failed":
            self._see.cart_items.inc(seen.lines)

    def _spoken(self, seen: RpcCalled | ProviderCalled | EventHeard) -> None:
        match seen:
            case RpcCalled():
                self._called(seen)
            case ProviderCalled():
                self._asked(seen)
            case EventHeard():
                self._see.events.of(seen.source, seen.outcome).inc()

    def _asked(self, seen: ProviderCalled) -> None:
        what = (seen.provider, seen.operation)
        self._see.provider_calls.of(*what, seen.outcome).inc()
        if seen.seconds is not None:
            self._see.provider_duration.of(*what).observe(seen.seconds)

    def _called(self, seen: RpcCalled) -> None:
        node = (seen.method, seen.network)
        self._see.calls.of(*node).inc()
        self._see.call_duration.of(*node).observe(seen.seconds)
        if seen.error is not None:
            error = seen.error if seen.error in ERRORS else "other"
            self._see.call_errors.of(*node, error).inc()


def cents(amount: Money) -> float:
    """Give hundredths of the asset's unit: 5.0 for 50,000 millionths of a USDC."""
    return amount.minor * 100.0 / 10.0**amount.asset.decimals


def _add_process(registry: CollectorRegistry) -> None:
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)


@define(eq=False)
class _Plain(Collector):
    """The metrics of another collector without when each of them began, which nobody asked."""

    inner: Collector

    def collect(self) -> Iterator[Metric]:
        for metric in self.inner.collect():
            metric.samples = [
                sample for sample in metric.samples if not sample.name.endswith("_created")
            ]
            if metric.samples:
                yield metric

"""What is counted for Prometheus, and under which names."""

import threading
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tillway.adapters.metrics.prometheus import PrometheusObserver, cents
from tillway.core.assets import BUILT_IN
from tillway.core.money import Money
from tillway.core.observations import (
    ArchivalRan,
    CartSeen,
    EventHeard,
    PaymentCompleted,
    PaymentStarted,
    ProviderCalled,
    QueryRan,
    RpcCalled,
)
from tillway.core.ports.exposition import Exposes

USDC, USD = BUILT_IN.by_code("USDC"), BUILT_IN.by_code("USD")

BUCKETS = {
    "cedros_payment_duration_seconds": ".05 .1 .25 .5 1 2 5 10 30 60",
    "cedros_settlement_duration_seconds": "1 5 10 30 60 120 300",
    "cedros_rpc_call_duration_seconds": ".005 .01 .025 .05 .1 .25 .5 1 2 5 10",
    "cedros_db_query_duration_seconds": ".0001 .0005 .001 .005 .01 .025 .05 .1 .5 1 2",
}
LABELS = {
    "cedros_payments_total": {"method", "resource"},
    "cedros_payments_success_total": {"method", "resource"},
    "cedros_payments_failed_total": {"method", "resource", "reason"},
    "cedros_payment_amount_total": {"method", "token"},
    "cedros_payment_duration_seconds_count": {"method", "resource"},
    "cedros_settlement_duration_seconds_count": {"network"},
    "cedros_rpc_calls_total": {"method", "network"},
    "cedros_rpc_call_duration_seconds_count": {"method", "network"},
    "cedros_rpc_errors_total": {"method", "network", "error_type"},
    "cedros_db_query_duration_seconds_count": {"operation", "backend"},
    "cedros_cart_checkouts_total": {"status"},
    "cedros_cart_items_total": set(),
    "tillway_provider_calls_total": {"provider", "operation", "outcome"},
    "tillway_provider_call_duration_seconds_count": {"provider", "operation"},
    "tillway_events_heard_total": {"source", "outcome"},
    "cedros_archival_runs_total": set(),
    "cedros_archival_records_deleted_total": set(),
}


def completed(reason: str | None = None, resource: str = "article") -> PaymentCompleted:
    return PaymentCompleted(
        method="x402",
        resource=resource,
        amount=None if reason else Money(50_000, USDC),
        network="devnet",
        seconds=0.7,
        reason=reason,
        settled_in=None if reason else 3.5,
    )


def called(error: str | None = None) -> RpcCalled:
    return RpcCalled(method="getSlot", network="devnet", seconds=0.02, error=error)


def samples(observer: PrometheusObserver) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    text = observer.expose().body.decode()
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def value(observer: PrometheusObserver, name: str, **labels: str) -> float:
    return samples(observer)[name][frozenset(labels.items())]


@pytest.fixture
def observer() -> PrometheusObserver:
    return PrometheusObserver()


def busy(observer: PrometheusObserver) -> None:
    for seen in (
        PaymentStarted(method="quote", resource="article"),
        completed(),
        completed("amount_mismatch"),
        called(),
        called("timeout"),
        QueryRan(operation="read", backend="memory", seconds=0.0002),
        CartSeen(status="quote", lines=2),
        ProviderCalled(provider="stripe", operation="refunds.list", outcome="ok", seconds=0.1),
        EventHeard(source="stripe", outcome="applied"),
    ):
        observer(seen)


class TestNames:
    def test_every_metric_has_the_contracts_labels(self, observer: PrometheusObserver) -> None:
        """Names and labels are the reference's, whatever its documents say."""
        busy(observer)
        found = samples(observer)
        assert {
            name: {label for labels in found[name] for label, _ in labels} for name in LABELS
        } == LABELS

    @pytest.mark.parametrize("name", list(BUCKETS))
    def test_every_histogram_has_the_contracts_buckets(
        self, observer: PrometheusObserver, name: str
    ) -> None:
        """And one for everything above."""
        busy(observer)
        bounds = {
            float(bound)
            for labels in samples(observer)[f"{name}_bucket"]
            for label, bound in labels
            if label == "le"
        }
        assert bounds == {float(bound) for bound in BUCKETS[name].split()} | {float("inf")}

    def test_nothing_is_exposed_but_what_is_asked_for(self, observer: PrometheusObserver) -> None:
        """No times of creation; the process's own metrics are there."""
        busy(observer)
        found = samples(observer)
        assert not [name for name in found if name.endswith("_created")]
        assert "process_resident_memory_bytes" in found


class TestCounting:
    def test_what_was_not_sent_to_a_provider_took_no_time(
        self, observer: PrometheusObserver
    ) -> None:
        """A circuit that is open is counted, and no duration is."""
        for outcome, seconds in (("ok", 0.3), ("circuit_open", None)):
            observer(
                ProviderCalled(
                    provider="stripe", operation="refunds.list", outcome=outcome, seconds=seconds
                )
            )
        what = {"provider": "stripe", "operation": "refunds.list"}
        assert value(observer, "tillway_provider_calls_total", **what, outcome="circuit_open") == 1
        assert value(observer, "tillway_provider_call_duration_seconds_count", **what) == 1
        assert value(observer, "tillway_provider_call_duration_seconds_sum", **what) == 0.3

    def test_a_quote_is_a_payment_begun(self, observer: PrometheusObserver) -> None:
        """As the reference counts."""
        observer(PaymentStarted(method="quote", resource="article"))
        assert value(observer, "cedros_payments_total", method="quote", resource="article") == 1

    def test_a_success_counts_money_and_time(self, observer: PrometheusObserver) -> None:
        """0.05 USDC are five cents; seconds are seconds."""
        observer(completed())
        what = {"method": "x402", "resource": "article"}
        assert value(observer, "cedros_payments_success_total", **what) == 1
        assert value(observer, "cedros_payment_amount_total", method="x402", token="USDC") == 5.0
        assert value(observer, "cedros_payment_duration_seconds_sum", **what) == pytest.approx(0.7)
        assert value(observer, "cedros_settlement_duration_seconds_sum", network="devnet") == 3.5
        assert "cedros_payments_failed_total" not in samples(observer)

    def test_a_failure_counts_its_reason_and_no_money(self, observer: PrometheusObserver) -> None:
        """The reason is the error's code."""
        observer(completed("amount_mismatch"))
        what = {"method": "x402", "resource": "article", "reason": "amount_mismatch"}
        assert value(observer, "cedros_payments_failed_total", **what) == 1
        found = samples(observer)
        assert not {"cedros_payment_amount_total", "cedros_payments_success_total"} & set(found)

    def test_a_call_counts_its_error_if_it_has_one(self, observer: PrometheusObserver) -> None:
        """Kinds that the contract does not know are `other`."""
        for error in (None, "timeout", "something new"):
            observer(called(error))
        node = {"method": "getSlot", "network": "devnet"}
        assert value(observer, "cedros_rpc_calls_total", **node) == 3
        for kind in ("timeout", "other"):
            assert value(observer, "cedros_rpc_errors_total", **node, error_type=kind) == 1

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [(Money(50_000, USDC), 5.0), (Money(1, USDC), 0.0001), (Money(1250, USD), 1250.0)],
    )
    def test_amounts_are_in_cents_for_every_asset(self, amount: Money, expected: float) -> None:
        """Assets of any decimals add up."""
        assert cents(amount) == pytest.approx(expected)

    def test_a_run_counts_once_and_all_that_it_moved(self, observer: PrometheusObserver) -> None:
        """Two runs, seven payments."""
        observer(ArchivalRan(moved=3))
        observer(ArchivalRan(moved=4))

        found = samples(observer)
        assert found["cedros_archival_runs_total"] == {frozenset(): 2}
        assert found["cedros_archival_records_deleted_total"] == {frozenset(): 7}

    def test_carts_and_their_lines(self, observer: PrometheusObserver) -> None:
        """A checkout that could not be opened has sold no lines."""
        for status, lines in (("quote", 3), ("success", 3), ("session_creation_failed", 9)):
            observer(CartSeen(status=status, lines=lines))

        found = samples(observer)
        assert found["cedros_cart_items_total"] == {frozenset(): 6}
        assert found["cedros_cart_checkouts_total"] == {
            frozenset({("status", status)}): 1
            for status in ("quote", "success", "session_creation_failed")
        }


class TestBounds:
    def test_a_stream_of_new_names_does_not_grow_without_end(
        self, observer: PrometheusObserver
    ) -> None:
        """After a thousand, `other` takes the rest, and nothing is lost from the sum."""
        for number in range(1500):
            observer(PaymentStarted(method="quote", resource=f"product-{number}"))
        counted = samples(observer)["cedros_payments_total"]
        assert len(counted) <= 1001
        assert sum(counted.values()) == 1500
        assert value(observer, "cedros_payments_total", method="other", resource="other") == 500


class TestExposing:
    def test_it_can_be_exposed(self, observer: PrometheusObserver) -> None:
        """Faces find it by that."""
        assert isinstance(observer, Exposes)
        assert observer.expose().content_type.startswith("text/plain")

    def test_it_may_be_exposed_in_a_thread_meanwhile(self, observer: PrometheusObserver) -> None:
        """Observations go on; no count is lost."""
        stop = threading.Event()

        def scrape() -> None:
            while not stop.is_set():
                observer.expose()

        scraper = threading.Thread(target=scrape)
        scraper.start()
        for _ in range(2000):
            observer(PaymentStarted(method="quote", resource="article"))
        stop.set()
        scraper.join()
        assert value(observer, "cedros_payments_total", method="quote", resource="article") == 2000

    def test_a_shared_folder_that_came_too_late_is_refused(self, tmp_path: Path) -> None:
        """Rather than counting for one process and claiming all."""
        with pytest.raises(RuntimeError, match="PROMETHEUS_MULTIPROC_DIR"):
            PrometheusObserver(tmp_path)

    def test_an_observation_is_cheap(self, observer: PrometheusObserver) -> None:
        """Far below what a request costs, with a wide margin for a busy machine."""
        seen = PaymentStarted(method="quote", resource="article")
        began = time.perf_counter()
        for _ in range(2000):
            observer(seen)
        assert (time.perf_counter() - began) / 2000 < 0.000_1

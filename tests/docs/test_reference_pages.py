"""Pages that are written from code are what the code would write."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from tillway.adapters.metrics.instruments import Instruments
from tillway.core.services.reconciling.findings import MEANINGS
from tillway.entrypoints.http.route_reference import render_routes, served_routes

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


class TestHttp:
    def test_the_page_of_routes_is_current(self) -> None:
        """Renew it as its generator says."""
        assert (REFERENCE / "http.md").read_text() == render_routes(served_routes())


class TestMetrics:
    def test_every_metric_is_on_the_page_with_its_words(self) -> None:
        """And nothing else is."""
        registry = CollectorRegistry()
        Instruments(registry)
        page = (REFERENCE / "metrics.md").read_text()
        rows = [
            line for line in page.splitlines() if line.startswith(("| `cedros_", "| `tillway_"))
        ]

        metrics = list(registry.collect())

        assert len(rows) == len(metrics)
        for metric in metrics:
            assert any(metric.name in row and metric.documentation in row for row in rows)


class TestReconciling:
    def test_every_kind_of_difference_is_on_the_page(self) -> None:
        """With what it means."""
        page = (REFERENCE.parent / "how-to" / "reconcile.md").read_text()
        for kind, meaning in MEANINGS.items():
            assert f"| `{kind}` | {meaning} |" in page

"""Pages that are written from code are what the code would write."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from tillway.adapters.metrics.instruments import Instruments
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
        rows = [line for line in page.splitlines() if line.startswith("| `cedros_")]

        metrics = list(registry.collect())

        assert len(rows) == len(metrics)
        for metric in metrics:
            assert any(metric.name in row and metric.documentation in row for row in rows)

"""Metrics for Prometheus, which the operator's face exposes at `/metrics`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tillway.core.observations import Observer
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which the processes of one server share their metrics."""

PLUGIN = Plugin(kind=Kind.OBSERVER, name="prometheus", summary="counts payments, calls and queries")


@hookimpl
def tillway_observers(context: Context) -> Sequence[Observer]:
    """Give the observer that counts."""
    from tillway.adapters.metrics.prometheus import PrometheusObserver

    folder = os.environ.get(SHARED)
    return [PrometheusObserver(Path(folder) if folder else None)]

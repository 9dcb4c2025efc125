"""The face for operators and their machines."""

from collections.abc import Sequence

from tillway.core.ports.exposition import Exposes
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.ops import bodies
from tillway.entrypoints.http.apis.ops.cedros_health import CedrosHealth
from tillway.entrypoints.http.apis.ops.health import Checkup
from tillway.entrypoints.http.apis.ops.metrics import Metrics
from tillway.entrypoints.http.apis.ops.probes import Readiness, live
from tillway.plugins.api import Answer, Api, Pace, Parameter, Route
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin

PLUGIN = Plugin(kind=Kind.API, name="ops", summary="health, readiness and metrics")

NO_STORE = {"Cache-Control": "no-store"}


@hookimpl
def tillway_apis(context: Context) -> Sequence[Api]:
    """Give the face."""
    return [Api(name="ops", routes=_routes)]


def _routes(services: Services) -> Sequence[Route]:
    """Give the routes; `/metrics` is there if an observer can expose what it has seen."""
    checkup = Checkup.of(services)
    observers: Sequence[object] = services.observe.all
    exposing = [seen for seen in observers if isinstance(seen, Exposes)]
    return [*_health(checkup), *(_metrics(source) for source in exposing[:1])]


def _health(checkup: Checkup) -> Sequence[Route]:
    return [
        Route(
            method="GET",
            path="/cedros-health",
            handler=CedrosHealth(checkup).handle,
            name="health",
            summary="How the gateway is, and under which prefix its routes are",
            prefix=False,
            pace=Pace.LIGHT,
            headers=NO_STORE,
            answers=(Answer(status=200, description="How it is.", body=bodies.Health),),
        ),
        Route(
            method="GET",
            path="/healthz/live",
            handler=live,
            name="live",
            summary="Whether the process answers",
            prefix=False,
            pace=Pace.LIGHT,
            headers=NO_STORE,
            answers=(Answer(status=200, description="It does.", body=bodies.Alive),),
        ),
        Route(
            method="GET",
            path="/healthz/ready",
            handler=Readiness(checkup).handle,
            name="ready",
            summary="Whether payments can be taken here",
            prefix=False,
            pace=Pace.LIGHT,
            headers=NO_STORE,
            answers=(
                Answer(status=200, description="They can.", body=bodies.Ready),
                Answer(status=503, description="The store or a rail is away, or it is draining."),
            ),
        ),
    ]


def _metrics(source: Exposes) -> Route:
    return Route(
        method="GET",
        path="/metrics",
        handler=Metrics(source).handle,
        name="metrics",
        summary="Metrics for Prometheus",
        prefix=True,
        both=True,
        pace=Pace.LIGHT,
        parameters=(
            Parameter(name="Authorization", where="header", description="`Bearer` and the key."),
        ),
        answers=(
            Answer(status=200, description="All metrics.", content_type="text/plain"),
            Answer(status=401, description="The key is missing or wrong."),
        ),
    )

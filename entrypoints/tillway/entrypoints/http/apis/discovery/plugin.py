"""The face for those who do not know the gateway yet."""

from collections.abc import Sequence

from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.discovery import bodies
from tillway.entrypoints.http.apis.discovery.agent_card import AgentCard
from tillway.entrypoints.http.apis.discovery.openapi import openapi
from tillway.entrypoints.http.apis.discovery.payment_options import PaymentOptions
from tillway.entrypoints.http.apis.discovery.resources import Resources
from tillway.entrypoints.http.apis.discovery.shelf import Shelf
from tillway.plugins.api import Answer, Api, Handler, Pace, Route
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin

PLUGIN = Plugin(kind=Kind.API, name="discovery", summary="what is sold here and how to pay for it")


@hookimpl
def tillway_apis(context: Context) -> Sequence[Api]:
    """Give the face."""
    return [Api(name="discovery", routes=_routes)]


def _routes(services: Services) -> Sequence[Route]:
    shelf = Shelf(services)
    return [
        _document(
            "/.well-known/payment-options",
            PaymentOptions(shelf).handle,
            "payment_options",
            "What is sold here, and how it is paid",
            bodies.Options,
            300,
        ),
        _document(
            "/.well-known/agent.json",
            AgentCard(shelf).handle,
            "agent_card",
            "What this service does, for agents",
            bodies.Card,
            3600,
        ),
        _document("/openapi.json", openapi, "openapi", "This description", None, 3600),
        Route(
            method="POST",
            path="/resources/list",
            handler=Resources(shelf).handle,
            name="list_resources",
            summary="The catalogue for agents that speak MCP (JSON-RPC 2.0)",
            prefix=False,
            open=True,
            pace=Pace.LIGHT,
            answers=(Answer(status=200, description="Also errors.", body=bodies.RpcAnswer),),
        ),
    ]


def _document(
    path: str, handler: Handler, name: str, summary: str, body: type | None, seconds: int
) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        name=name,
        summary=summary,
        prefix=False,
        open=True,
        pace=Pace.LIGHT,
        headers={"Cache-Control": f"public, max-age={seconds}"},
        answers=(Answer(status=200, description="The document.", body=body),),
    )
